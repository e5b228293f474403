"""Counts of the reference, exact inverse and log-determinant, and a likelihood known in advance."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from zoo import experiment
from zoo.errors import BadInput
from zoo.layers import flow
from zoo.models.generation.waveglow import Coupling, WaveGlow
from zoo.objectives.base import Request, Variables
from zoo.objectives.flow import Flow
from zoo.signal import mel

TINY = WaveGlow(flows=3, early_every=2, width=4, layers=2, bins=3, hop=16, upsampling_kernel=64)
SPEC = mel.MelSpec(16_000, 64, 16, 3, mel.log_clamp, exponent=1)


def parameters(model):
    inputs = jnp.zeros((1, 16_000, 1)), jnp.zeros((1, 63, 80))
    shapes = jax.eval_shape(model.init, jax.random.key(0), *inputs)
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes))


@pytest.mark.parametrize(
    "width, weight_norm, count",
    [(256, True, 87_879_272), (256, False, 87_731_816), (512, True, 268_294_760)],
)
def test_parameters_of_the_reference(width, weight_norm, count):
    assert parameters(WaveGlow(width=width, weight_norm=weight_norm)) == count


def test_the_paper_s_lengths():
    model = WaveGlow()
    spec = jax.eval_shape(
        lambda x, m: model.init_with_output(jax.random.key(0), x, m)[0],
        jnp.zeros((2, 16_000, 1)),
        jnp.zeros((2, 63, 80)),
    )
    assert spec[0].shape == (2, 2000, 8) and spec[1].shape == (2,)
    assert model.reach == 12 * 255 * 8


def started(scale=0.3):
    """Random weights of the tiny model, drawn by NumPy: there is nothing to compile."""
    inputs = jnp.zeros((1, 32, 1)), jnp.zeros((1, 3, 3))
    shapes = jax.eval_shape(TINY.init, jax.random.key(0), *inputs)
    rng = np.random.default_rng(0)

    def drawn(path, leaf):
        square = "mixers" in jax.tree_util.keystr(path)
        fixed = np.eye(*leaf.shape) if square else 0.5 * rng.normal(size=leaf.shape)
        return (fixed + scale * rng.normal(size=leaf.shape)).astype(np.float32)

    return jax.tree_util.tree_map_with_path(drawn, shapes)


def clips(length=32, batch=2):
    rng = np.random.default_rng(1)
    audio = rng.normal(0, 0.5, (batch, length, 1)).astype(np.float32)
    return audio, rng.normal(size=(batch, length // 16 + 1, 3)).astype(np.float32)


def test_inverse_gives_the_audio_back():
    variables, (audio, frames) = started(), clips()
    z, _ = jax.jit(TINY.apply)(variables, audio, frames)
    back = jax.jit(partial(TINY.apply, method="inverse"))(variables, z, frames)
    assert np.abs(np.asarray(z).ravel() - audio.ravel()).max() > 0.1
    np.testing.assert_allclose(back, audio, atol=2e-5)


def test_log_determinant_is_that_of_the_jacobian():
    variables, (audio, frames) = started(), clips()

    def latent(x, frame):
        return TINY.apply(variables, x.reshape(1, -1, 1), frame[None])[0].ravel()

    jacobians = jax.jit(jax.vmap(jax.jacobian(latent)))(audio[..., 0], frames)
    expected = [np.linalg.slogdet(np.asarray(j, np.float64))[1] for j in jacobians]
    _, log_det = jax.jit(TINY.apply)(variables, audio, frames)
    np.testing.assert_allclose(log_det, expected, atol=1e-3)
    assert abs(expected[0] - expected[1]) > 1e-2


def test_bfloat16_leaves_density_and_inverse_close():
    """Only the coupling networks compute in it: what they say is used as exactly as ever."""
    variables, (audio, frames) = started(), clips()
    half = TINY.clone(dtype=jnp.bfloat16)
    z, log_det = jax.jit(TINY.apply)(variables, audio, frames)
    near, near_det = jax.jit(half.apply)(variables, audio, frames)
    assert near.dtype == near_det.dtype == jnp.float32 and np.any(near != z)
    np.testing.assert_allclose(near_det, log_det, atol=0.1)
    assert np.abs(log_det).min() > 1
    np.testing.assert_allclose(near, z, atol=0.05 * np.abs(z).max())
    back = jax.jit(partial(half.apply, method="inverse"))(variables, near, frames)
    np.testing.assert_allclose(back, audio, atol=0.02)


def test_under_bfloat16_the_shift_is_not_rounded():
    half = Coupling(2, width=4, layers=2, dtype=jnp.bfloat16)
    inputs = np.random.default_rng(0).normal(size=(2, 1, 6, 2)).astype(np.float32)
    shapes = jax.eval_shape(half.init, jax.random.key(0), *inputs)
    variables = jax.tree.map(lambda s: jnp.full(s.shape, 0.3, s.dtype), shapes)
    for found in jax.jit(half.apply)(variables, *inputs):
        assert found.dtype == jnp.float32
        assert np.any(found != found.astype(jnp.bfloat16).astype(jnp.float32))


def test_layers_invert_and_measure():
    layer = flow.InvertibleConv(4)
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    variables = layer.init(jax.random.key(1), x)
    kernel = np.asarray(variables["params"]["kernel"], np.float64)
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(4), atol=1e-6)
    assert np.linalg.det(kernel) == pytest.approx(1)
    bent = {"params": {"kernel": jnp.asarray(kernel, jnp.float32).at[0].multiply(-3)}}
    y, log_det = layer.apply(bent, x)
    assert log_det == pytest.approx(np.log(3), abs=1e-6)  # of a negative determinant
    np.testing.assert_allclose(layer.apply(bent, y, method="inverse"), x, atol=1e-5)
    np.testing.assert_array_equal(flow.unsqueeze(flow.squeeze(x, 5), 5), x)
    with pytest.raises(BadInput, match="multiple"):
        flow.squeeze(x, 2)


def test_the_mixing_is_exact_on_accelerators_too():
    layer = flow.InvertibleConv(4)
    variables = layer.init(jax.random.key(0), jnp.zeros((1, 3, 4)))
    for method in ("__call__", "inverse"):
        traced = jax.make_jaxpr(lambda x, method=method: layer.apply(variables, x, method=method))
        assert "HIGHEST" in str(traced(jnp.zeros((1, 3, 4))))


def test_a_new_flow_is_a_rotation_and_its_likelihood_known():
    """Zeros at the ends: z is the audio turned, so its density is that of white noise."""
    objective = Flow(TINY, SPEC, sigma=0.7)
    audio, _ = clips(64)
    variables = jax.jit(objective.init)(jax.random.key(0), {"audio": audio})
    predict = jax.jit(objective.predict)
    nats = predict(variables, {"audio": audio}, jax.random.key(0))["nats"]
    expected = -stats.norm.logpdf(audio, scale=0.7).mean(axis=(1, 2))
    np.testing.assert_allclose(nats, expected, atol=1e-5)
    dithered = jax.jit(replace(objective, dither=1.0).predict)
    other = dithered(variables, {"audio": audio}, jax.random.key(0))["nats"]
    assert 0 < np.abs(other - nats).max() < 1e-3


def test_every_parameter_learns_once_the_ends_are_not_zero():
    objective = Flow(TINY, SPEC)
    audio, _ = clips(64)
    turn = objective.turns[0]

    def loss(params):
        return turn.loss(Variables(params), {"audio": audio}, jax.random.key(0), 0)

    gradient = jax.jit(jax.grad(loss, has_aux=True))({"model": started()["params"]})[0]
    assert all(np.any(np.asarray(leaf)) for leaf in jax.tree.leaves(gradient))


def test_windows_give_what_one_pass_gives():
    length = 500  # two windows
    objective = Flow(TINY, SPEC, sigma=0.5)
    source = np.random.default_rng(2).normal(0, 0.1, (length, 1)).astype(np.float32)
    variables = Variables({"model": started(0.1)["params"]})
    request = Request(length=length, count=2, seed=3, source=source, chunk=96)
    chunks = list(objective.generate(variables, request))
    audio = np.concatenate(chunks, 1)
    assert audio.shape == (2, length, 1) and max(c.shape[1] for c in chunks) <= 96
    frames = -(-length // 16)
    padded = np.pad(source, ((0, frames * 16 - length), (0, 0)))
    features = mel.log_mel(jnp.asarray(padded)[None], replace(SPEC, pad_mode="reflect"))
    make = partial(objective._make, 2, variables, np.uint32(3), 0.5)
    whole = make(features[:, :frames, :, 0], jnp.uint32(0))
    np.testing.assert_allclose(audio, np.clip(whole[:, :length], -1, 1), atol=2e-4)
    assert np.abs(audio[0] - audio[1]).max() > 0.01  # voices have noise of their own
    again = np.concatenate(list(objective.generate(variables, replace(request, chunk=999))), 1)
    np.testing.assert_allclose(audio, again, atol=2e-4)


def test_wants_audio_to_follow_and_one_front_end():
    objective = Flow(TINY, SPEC)
    with pytest.raises(BadInput, match="--input"):
        next(objective.generate(Variables({}), Request(length=100)))
    with pytest.raises(BadInput, match="bins"):
        Flow(TINY, replace(SPEC, bins=4))


ROWS = [
    f"{flow}_{data}" for flow in ("waveglow", "flowavenet") for data in ("ljspeech", "score_render")
]


@pytest.mark.parametrize("name", ROWS)
def test_every_row_of_a_flow_dithers_by_a_step_unless_asked(name):
    config = experiment.find_config(name)
    for words, width in (([], 1.0), (["dither=0.0"], 0.0), (["dither=2.5"], 2.5)):
        assert config.experiment(**config.parse(words)).objective.dither == width
