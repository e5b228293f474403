"""Implicit quantiles: known ones are recovered, draws are those of the parallel pass, the score."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import special, stats

from zoo.distributions import Quantiles
from zoo.errors import BadInput
from zoo.evaluation import quantiles
from zoo.losses.quantile import quantile_huber
from zoo.models.generation.quantile_wavenet import QuantileWaveNet
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.base import Request
from zoo.objectives.implicit_quantiles import ImplicitQuantiles
from zoo.sampling import autoregressive
from zoo.sampling.rule import SamplerRule


def model_of(width):
    how = dict(head=12, distribution=Quantiles(), input="scalar")
    return QuantileWaveNet(WaveNet(2, 1, width, width, 12, **how))


MODEL = model_of(6)
OBJECTIVE = ImplicitQuantiles(MODEL, draws=8, knee=0.0)


def test_the_loss_is_least_at_the_quantile():
    """Of skewed draws, by SciPy; the Huber loss bends it towards the middle."""
    draws = stats.gamma(2).rvs(5000, random_state=0).astype(np.float32)
    grid = jnp.linspace(0, 8, 401)
    for level in (0.1, 0.5, 0.9):
        cost = jnp.mean(quantile_huber(grid[:, None], draws[None], level, 0.0), 1)
        assert grid[np.argmin(cost)] == pytest.approx(stats.gamma(2).ppf(level), abs=0.12)
    wide = jnp.mean(quantile_huber(grid[:, None], draws[None], 0.9, 50.0), 1)
    assert grid[np.argmin(wide)] < stats.gamma(2).ppf(0.9) - 0.2
    error = np.linspace(-3, 3, 25)  # on both sides of the knee
    huber = np.where(error < 0, 0.7, 0.3) * special.huber(0.8, error) / 0.8
    np.testing.assert_allclose(quantile_huber(-error, 0.0, 0.3, 0.8), huber, rtol=1e-5, atol=1e-7)


def series(count, length):
    """Half the sample before plus a skewed surprise."""
    rng = np.random.default_rng(0)
    surprise = rng.exponential(0.1, (count, length)) - 0.1
    x = np.zeros((count, length + 1))
    for t in range(length):
        x[:, t + 1] = 0.5 * x[:, t] + surprise[:, t]
    return x[:, 1:, None].astype(np.float32)


def test_quantiles_of_a_known_next_sample_are_recovered():
    """Given the sample before; samples that are drawn have the law of the series."""
    data = series(8 * 300, 32).reshape(300, 8, 32, 1)
    variables = jax.jit(OBJECTIVE.init)(jax.random.key(0), {"audio": data[0]})
    (turn,), steps = OBJECTIVE.turns, len(data)
    optimizer = optax.adam(optax.cosine_decay_schedule(2e-2, steps))

    def one(state, now):
        params, memory = state
        loss = lambda p: turn.loss(variables.replace(params={"model": p}), now[1], now[0], 0)[0]  # noqa: E731
        updates, memory = optimizer.update(jax.grad(loss)(params), memory)
        return (optax.apply_updates(params, updates), memory), None

    @jax.jit
    def run(params):
        rngs = jax.random.split(jax.random.key(1), steps)
        return jax.lax.scan(one, (params, optimizer.init(params)), (rngs, {"audio": data}))[0][0]

    after = variables.replace(params={"model": run(variables.params["model"])})
    audio = series(40, 32)
    asked = np.array([0.1, 0.5, 0.9], np.float32)
    every = np.broadcast_to(asked, (40, 32, 3))
    found = jax.jit(MODEL.apply)(after.of("model"), audio, every)[:, 3:-1]
    before = np.float64(audio)[:, 2:-2]
    known = 0.5 * before + stats.expon.ppf(asked, scale=0.1) - 0.1
    assert np.abs(found - known).mean((0, 1)).max() < 0.025
    request = Request(length=200, count=16, seed=1)
    drawn = np.concatenate(list(OBJECTIVE.generate(after, request)), 1)[:, 20:]
    assert drawn.std() == pytest.approx(0.1 / 0.75**0.5, rel=0.15)
    assert stats.skew(drawn.ravel()) > 0.7


def random_variables(objective=OBJECTIVE):
    shapes = jax.eval_shape(objective.init, jax.random.key(0), {"audio": jnp.zeros((1, 8, 1))})
    rng = np.random.default_rng(0)
    spread = lambda s: 0.5 / np.prod(s.shape[:-1]) ** 0.5  # noqa: E731
    return jax.tree.map(lambda s: rng.normal(0, spread(s), s.shape).astype(s.dtype), shapes)


@pytest.mark.parametrize("width", [8, 64])
def test_what_is_drawn_is_the_quantile_that_the_noise_names(width):
    """In frames, too; at half the temperature half as far from the median."""
    model = model_of(width)
    objective = ImplicitQuantiles(model)
    own = random_variables(objective)
    request = Request(length=24, count=2, seed=3, rule=SamplerRule(0.5))
    audio = np.concatenate(list(objective.generate(own, request)), 1)
    state = autoregressive.start_voices(model, own.of("model"), count=2, seed=3)
    noise = np.asarray(autoregressive._uniform(state, 1, 24)).swapaxes(0, 1)
    levels = np.concatenate([noise, np.full_like(noise, 0.5)], -1)
    value, median = np.split(jax.jit(model.apply)(own.of("model"), audio, levels), 2, -1)
    assert np.abs(value - median).mean() > 1e-3 and np.abs(audio).max() < 1
    np.testing.assert_allclose(audio, median + 0.5 * (value - median), rtol=1e-3, atol=1e-5)


def test_a_prediction_depends_on_the_past_and_its_own_level_alone():
    own, rng = random_variables().of("model"), np.random.default_rng(1)
    audio, levels = rng.uniform(0, 1, (2, 1, 12, 1)).astype(np.float32)
    predict = jax.jit(MODEL.apply)
    one = predict(own, audio, levels)
    louder, other = audio.copy(), levels.copy()
    louder[0, 5:], other[0, 7] = 0.9, 0.99
    two, three = predict(own, louder, levels), predict(own, audio, other)
    np.testing.assert_array_equal(one[:, :6], two[:, :6])
    assert np.abs(one - two)[0, 6] > 1e-5
    assert (np.flatnonzero(np.abs(one - three)[0, :, 0]) == 7).all()


def test_the_score_is_that_of_a_gaussian():
    """Closed form of Gneiting and Raftery 2007; without a past half the mean distance."""
    levels = quantiles.quantile_midpoints(400)
    found = quantiles.ranked(stats.norm.ppf(levels)[None] * 2 + 1, np.array([[2.5]]))
    z = 0.75
    expected = 2 * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - np.pi**-0.5)
    assert found[0] == pytest.approx(expected, rel=1e-2)
    some = np.random.default_rng(0).normal(size=300)
    assert quantiles.marginal_score(some) == pytest.approx(np.abs(some[:, None] - some).mean() / 2)


def test_the_report_counts_every_sample_once():
    """Perfect quantiles of uniform noise are calibrated, and no better than it allows."""
    rng = np.random.default_rng(0)
    records = [{"track": str(i), "audio": rng.uniform(-1, 1, (700, 1))} for i in range(3)]
    wanted = 2 * quantiles.quantile_midpoints(16) - 1
    predict = lambda batch: {"quantiles": np.broadcast_to(wanted, (1, 300, 16))}  # noqa: E731
    info = type("Info", (), {"sample_rate": 16_000})
    report = quantiles.QuantileScore(300, 100).run(predict, records, info)
    assert report.counts == {"records": 3, "samples": 2100}
    assert report.metrics["crps"] == pytest.approx(1 / 3, rel=0.05)
    assert report.metrics["crps_alone"] == pytest.approx(1 / 3, rel=0.05)
    assert report.metrics["crps_last"] == pytest.approx(2 / 3, rel=0.05)
    assert report.metrics["calibration"] < 0.02


def test_a_rule_of_symbols_is_refused():
    with pytest.raises(BadInput, match="no symbols"):
        OBJECTIVE.generate(random_variables(), Request(8, rule=SamplerRule(top_k=3)))
