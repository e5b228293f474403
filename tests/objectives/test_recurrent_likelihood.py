"""The state goes from batch to batch; evaluation of a record is one pass over all of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.distributions import Categorical
from zoo.errors import BadInput
from zoo.models.generation.samplernn import SampleRNN
from zoo.objectives.base import Variables
from zoo.objectives.recurrent_likelihood import RecurrentLikelihood

MODEL = SampleRNN((4,), 1, 8, 4, distribution=Categorical(8, "linear"))
OBJECTIVE = RecurrentLikelihood(MODEL, window=8)


@pytest.fixture(scope="module")
def audio():
    return jax.random.uniform(jax.random.key(0), (2, 24, 1), minval=-1.0)


@pytest.fixture(scope="module")
def variables(audio):
    batch = {"audio": audio[:, :8], "reset": jnp.ones(2, bool)}
    shapes, rng = jax.eval_shape(OBJECTIVE.init, jax.random.key(1), batch), np.random.default_rng(0)
    params = jax.tree.map(lambda s: jnp.asarray(rng.normal(0, 0.5, s.shape)), shapes.params)
    assert shapes.collections == {"model": {"memory": jax.eval_shape(lambda: MODEL.initial(2))}}
    return Variables(params, {"model": {"memory": MODEL.initial(2)}})


def each(variables, audio):
    """Nats [B T], with NumPy, from the raw outputs of one long pass."""
    params = {"params": variables.params["model"]}
    raw = np.asarray(jax.jit(MODEL.apply)(params, audio), np.float64)
    codes = np.asarray(MODEL.distribution.encode(audio))
    log_prob = raw - np.log(np.exp(raw).sum(-1, keepdims=True))
    return -np.take_along_axis(log_prob, codes, -1)[..., 0]


def test_the_loss_of_consecutive_windows_is_that_of_the_clip(variables, audio):
    (turn,) = OBJECTIVE.turns
    loss = jax.jit(turn.loss)
    expected = each(variables, audio)
    for start in (0, 8, 16):
        reset = jnp.full(2, start == 0)
        batch = {"audio": audio[:, start : start + 8], "reset": reset}
        value, (collections, metrics) = loss(variables, batch, jax.random.key(0), 0)
        assert float(value) == pytest.approx(expected[:, start : start + 8].mean(), rel=1e-5)
        assert float(metrics["bits_per_sample"]) == pytest.approx(float(value) / np.log(2))
        variables = variables.replace(collections=collections)
    again = {"audio": audio[:, :8], "reset": jnp.ones(2, bool)}
    value, _ = loss(variables, again, jax.random.key(0), 0)
    assert float(value) == pytest.approx(expected[:, :8].mean(), rel=1e-5)
    forgotten, _ = loss(variables, {**again, "reset": jnp.zeros(2, bool)}, jax.random.key(0), 0)
    assert abs(float(forgotten) - float(value)) > 1e-4


def test_what_fills_a_piece_up_does_not_count(variables, audio):
    objective = RecurrentLikelihood(MODEL, window=8, mask="there")
    (turn,) = objective.turns
    there = jnp.asarray(np.arange(8) < np.array([[8], [3]]), jnp.float32)
    batch = {"audio": audio[:, :8], "reset": jnp.ones(2, bool), "there": there}
    value, _ = jax.jit(turn.loss)(variables, batch, jax.random.key(0), 0)
    nats = each(variables, audio)[:, :8]
    wanted = np.concatenate([nats[0], nats[1, :3]]).mean()
    assert float(value) == pytest.approx(wanted, rel=1e-5) != nats.mean()


def test_prediction_carries_the_state_through_a_record_of_any_length(variables, audio):
    record = audio[:, :21]
    nats = jax.jit(OBJECTIVE.predict)(variables, {"audio": record}, jax.random.key(0))["nats"]
    whole = each(variables, jnp.pad(record, ((0, 0), (0, 3), (0, 0))))
    np.testing.assert_allclose(nats, whole[:, :21], rtol=1e-4, atol=1e-5)


def test_refuses_parts_of_the_batch(variables, audio):
    batch = {"audio": audio[:1, :8], "reset": jnp.ones(1, bool)}
    with pytest.raises(BadInput, match="accumulate=1"):
        OBJECTIVE.turns[0].loss(variables, batch, jax.random.key(0), 0)
