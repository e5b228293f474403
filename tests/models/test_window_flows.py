"""NICE and RealNVP: inverse, log-determinant, and windows drawn as the prior says."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.models.generation.window_flows import Nice, RealNVP
from zoo.objectives.base import Request, Variables
from zoo.objectives.window_flow import WindowFlow

FLOWS = [
    Nice(16, couplings=3, width=5, layers=2),
    RealNVP(16, scales=3, couplings=3, width=4, layers=1),
]
BY_NAME = partial(pytest.mark.parametrize, "model", FLOWS, ids=["nice", "realnvp"])
AUDIO = np.random.default_rng(1).normal(0, 0.5, (2, 16, 1)).astype(np.float32)


def started(model, scale=0.4):
    """Random weights, drawn by NumPy: there is nothing to compile."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), AUDIO)
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda s: (scale * rng.normal(size=s.shape)).astype(np.float32), shapes)


@BY_NAME()
def test_inverse_and_log_determinant(model):
    """Of NICE it is the sum of the log scales, whatever the audio; of RealNVP the Jacobian's."""
    variables = started(model)
    z, log_det = jax.jit(model.apply)(variables, AUDIO)
    back = jax.jit(partial(model.apply, method="inverse"))(variables, z)
    np.testing.assert_allclose(back, AUDIO, atol=1e-4)
    jacobian = jax.jit(jax.vmap(jax.jacobian(lambda x: model.apply(variables, x[None])[0][0])))
    full = np.asarray(jacobian(AUDIO), np.float64)[..., 0]
    expected = np.linalg.slogdet(full)[1]
    np.testing.assert_allclose(log_det, expected, atol=1e-4)
    assert np.all(np.abs(full).max(1) > 0), "every number of z is made of something"
    if isinstance(model, Nice):
        total = variables["params"]["log_scale"].sum()
        np.testing.assert_allclose(log_det, [total, total], rtol=1e-5)
    else:
        assert abs(expected[0] - expected[1]) > 1e-3


@pytest.mark.parametrize("prior, deviation", [("normal", 1.0), ("logistic", np.pi / 3**0.5)])
def test_new_flows_draw_noise_of_the_prior(prior, deviation):
    """Couplings are the identity: audio is z / exp(2.5), clip after clip."""
    model = Nice(64, couplings=2, width=4, layers=1)
    objective = WindowFlow(model, prior)
    variables = jax.jit(objective.init)(jax.random.key(0), {"audio": np.zeros((1, 64, 1))})
    request = Request(length=3000, count=2, seed=3, chunk=1000)
    audio = np.concatenate(list(objective.generate(variables, request)), 1)
    assert audio.shape == (2, 3000, 1)
    assert audio.std() == pytest.approx(deviation * np.exp(-2.5), rel=0.05)
    assert np.abs(audio[0, :64] - audio[0, 64:128]).max() > 0.01  # windows of their own
    short = np.concatenate(list(objective.generate(variables, Request(length=100, seed=3))), 1)
    np.testing.assert_allclose(short[0], audio[0, :100], atol=1e-6)  # whatever the count


def test_say_what_would_be_right():
    with pytest.raises(BadInput, match="multiple of 8"):
        RealNVP(20, scales=3).init(jax.random.key(0), jnp.zeros((1, 20, 1)))
    with pytest.raises(BadInput, match="--prompt"):
        next(WindowFlow(FLOWS[0]).generate(Variables({}), Request(8, source=np.zeros((8, 1)))))
