"""The loss is the model's own log-probability; learning brings it to the entropy of the data."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from zoo.distributions import Categorical
from zoo.errors import BadInput
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.base import Request
from zoo.objectives.likelihood import Autoregressive
from zoo.sampling.rule import SamplerRule

TINY = dict(layers=2, stacks=1, width=6, gate=5, skip=7, head=8, distribution=Categorical(4))


def block_means(batch):
    audio = batch["audio"]
    return audio.reshape(audio.shape[0], -1, 4).mean(-1, keepdims=True)


def batch_of(length=40, count=2):
    audio = jax.random.uniform(jax.random.key(0), (count, length, 1), minval=-1.0)
    return {"audio": audio, "family": jnp.arange(count)}


def loss_of(objective, variables, batch):
    (turn,) = objective.turns
    assert turn.player == "model"
    return jax.jit(turn.loss)(variables, batch, jax.random.key(0), 0)


@pytest.mark.parametrize("context", [0, 7])
def test_pieces_of_different_lengths_weigh_by_what_they_hold(context):
    """What fills a batch up changes neither the loss nor a gradient; whole masks change nothing."""
    model, batch = WaveNet(**TINY), batch_of()
    lengths = np.array([40, 19])
    there = jnp.asarray(np.arange(40) < lengths[:, None], jnp.float32)
    objective = Autoregressive(model, context=context, mask="there")
    variables = jax.jit(objective.init)(jax.random.key(1), batch)
    (turn,) = objective.turns

    @jax.jit
    def both(audio, mask):
        given = {"audio": audio, "there": mask}
        run = lambda p: turn.loss(variables.replace(params=p), given, jax.random.key(0), 0)[0]  # noqa: E731
        return jax.value_and_grad(run)(variables.params)

    value, gradient = both(batch["audio"], there)
    nats = np.asarray(objective.predict(variables, batch, None)["nats"], np.float64)
    pieces = [row[context:length] for row, length in zip(nats, lengths)]
    assert float(value) == pytest.approx(np.concatenate(pieces).mean(), rel=1e-5)
    other = jnp.where(there[..., None] > 0, batch["audio"], -batch["audio"])
    assert np.any(other != batch["audio"])
    again, other = both(other, there)
    assert float(again) == pytest.approx(float(value), rel=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), other, gradient)
    whole, _ = both(batch["audio"], jnp.ones_like(there))
    plain = loss_of(Autoregressive(model, context=context), variables, batch)[0]
    assert float(whole) == pytest.approx(float(plain), rel=1e-6)
    assert float(both(batch["audio"], jnp.zeros_like(there))[0]) == 0


def test_loss_is_the_mean_nats_after_the_context_and_predict_gives_them_all():
    model, batch = WaveNet(**TINY), batch_of()
    objective = Autoregressive(model, context=7)
    variables = jax.jit(objective.init)(jax.random.key(1), batch)
    raw = jax.jit(model.apply)(variables.of("model"), batch["audio"])
    raw = np.asarray(raw, np.float64)
    codes = np.asarray(model.distribution.encode(batch["audio"]))
    log_prob = raw - np.log(np.exp(raw).sum(-1, keepdims=True))
    each = -np.take_along_axis(log_prob, codes, -1)[..., 0]
    nats = each[:, 7:].mean(1)
    value, (collections, metrics) = loss_of(objective, variables, batch)
    assert float(value) == pytest.approx(nats.mean(), rel=1e-5) and collections == {}
    assert float(metrics["bits_per_sample"]) == pytest.approx(nats.mean() / math.log(2), rel=1e-5)
    predicted = objective.predict(variables, batch, jax.random.key(2))
    np.testing.assert_allclose(predicted["nats"], each, rtol=1e-4)


def test_learning_reaches_the_entropy_of_the_source():
    """Independent codes of known frequencies: no model can be better, a working one gets there."""
    chances = np.array([0.1, 0.2, 0.3, 0.4])
    entropy = -(chances * np.log(chances)).sum()
    model = WaveNet(**TINY)
    objective = Autoregressive(model)
    codes = jnp.asarray(np.random.default_rng(0).choice(4, (24, 500, 1), p=chances))
    batch = {"audio": model.distribution.decode(codes)}
    variables = jax.jit(objective.init)(jax.random.key(1), batch)
    optimizer = optax.adam(2e-2)
    (turn,) = objective.turns

    def update(loop, _):
        params, memory = loop
        slope = jax.grad(
            lambda p: turn.loss(
                variables.replace(params={"model": p}), batch, jax.random.key(0), 0
            )[0]
        )(params)
        change, memory = optimizer.update(slope, memory)
        return (optax.apply_updates(params, change), memory), None

    start = variables.params["model"], optimizer.init(variables.params["model"])
    (params, _), _ = jax.jit(lambda s: jax.lax.scan(update, s, length=60))(start)
    value, _ = loss_of(objective, variables.replace(params={"model": params}), batch)
    assert entropy - 0.03 < float(value) < entropy + 0.02


def test_conditions_and_speakers_reach_the_model():
    model = WaveNet(
        **TINY, global_condition=2, local_condition=1, upsampling=(4,), upsampler="repeat"
    )
    objective = Autoregressive(model, condition=block_means, speaker="family", speakers=2)
    batch = batch_of()
    variables = jax.jit(objective.init)(jax.random.key(1), batch)
    value, _ = loss_of(objective, variables, batch)
    other, _ = loss_of(objective, variables, {**batch, "family": batch["family"][::-1]})
    assert float(value) != float(other)

    source = np.asarray(batch["audio"][0])
    request = Request(length=0, count=2, source=source, rule=SamplerRule(0), chunk=30)
    audio = np.concatenate(list(objective.generate(variables, request)), axis=1)
    assert audio.shape == (2, 40, 1)  # as long as its source
    given = {"condition": jnp.repeat(block_means(batch)[:1], 2, 0), "speaker": jnp.arange(2)}
    raw = jax.jit(model.apply)(variables.of("model"), jnp.asarray(audio), **given)
    np.testing.assert_allclose(audio, model.distribution.mode(raw), atol=1e-6)
    with pytest.raises(BadInput, match="source"):
        objective.generate(variables, Request(length=10))


def test_generate_gives_exactly_what_was_asked_for():
    objective = Autoregressive(WaveNet(**TINY))
    variables = jax.jit(objective.init)(jax.random.key(1), batch_of())
    request = Request(length=70, count=3, seed=4, chunk=32)
    chunks = list(objective.generate(variables, request))
    assert [chunk.shape for chunk in chunks] == [(3, 32, 1), (3, 32, 1), (3, 6, 1)]
    again = np.concatenate(list(objective.generate(variables, request)), axis=1)
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), again)


def test_clips_that_are_all_context_are_refused():
    objective = Autoregressive(WaveNet(**TINY), context=40)
    variables = jax.jit(objective.init)(jax.random.key(1), batch_of())
    with pytest.raises(BadInput, match="longer clips"):
        loss_of(objective, variables, batch_of())
