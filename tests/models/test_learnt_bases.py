"""Learnt bases: their inference against SciPy's optimiser, and a separation from start to end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import gamma

from zoo.errors import BadInput
from zoo.models.separation import learnt_bases
from zoo.models.separation.learnt_bases import LearntBases, likeliest
from zoo.objectives.source_bases import SourceBases
from zoo.signal import generalised_gaussian as gg

TAPS, LENGTH, ROUNDED = 4, 24, 0.3


def problem():
    draw = np.random.default_rng(0)
    filters = np.stack([np.eye(TAPS), 2 * np.eye(TAPS)]) + 0.4 * draw.standard_normal((2, 4, 4))
    exponents = np.array([[1.2, 1.5, 1.3, 1.1], [1.4, 2.0, 1.6, 1.8]])
    return draw.standard_normal(LENGTH), filters, exponents


def cost(x, filters, exponents):
    """Rounded -log p of all circular frames [2 T], one at every sample, over TAPS."""
    frames = np.stack([np.roll(x, -shift, 1)[:, :TAPS] for shift in range(LENGTH)], 1)
    s = np.sqrt(np.einsum("sfn,skn->sfk", frames, filters) ** 2 + ROUNDED**2)
    rate = (gamma(3 / exponents) / gamma(1 / exponents)) ** (exponents / 2)
    return (rate[:, None] * s ** exponents[:, None]).sum() / TAPS


@jax.jit
def separated(y, filters, exponents, iterations):
    return likeliest(y, filters, exponents, iterations=iterations, hop=1, rounded=ROUNDED)


def test_the_likeliest_sources_are_scipy_s():
    y, filters, exponents = problem()
    found = separated(y, filters, exponents, 400)
    wanted = minimize(lambda one: cost(np.stack([one, y - one]), filters, exponents), y / 2).x
    np.testing.assert_allclose(found.sum(0), y, atol=1e-4)
    np.testing.assert_allclose(found[0], wanted, atol=1e-2)
    assert np.abs(wanted - y / 2).max() > 0.2


def test_slopes_are_gradients_and_wide_hops_weigh_as_many():
    y, filters, exponents = (jnp.asarray(x, jnp.float32) for x in problem())
    x = jnp.stack([y, y[::-1]])

    def mean_cost(x):
        starts = np.arange(0, LENGTH, 2)[:, None] + np.arange(TAPS)
        s = jnp.einsum("sfn,skn->sfk", x[:, starts % LENGTH], filters)
        rounded = jnp.sqrt(jnp.square(s) + ROUNDED**2)
        return (gg.rate(exponents)[:, None] * rounded ** exponents[:, None]).sum() * 2 / TAPS

    both = lambda x: (  # noqa: E731
        learnt_bases.slopes(x, filters, exponents, 2, ROUNDED),
        jax.grad(mean_cost)(x),
    )
    got, wanted = jax.jit(both)(x)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_normal_sources_are_where_it_begins():
    """With all exponents 2 the first guess, a Wiener filter, has no slope that keeps the sum."""
    y, filters, _ = problem()
    normal = np.full((2, TAPS), 2.0)
    begun, later = (separated(y, filters, normal, steps) for steps in (0, 30))
    np.testing.assert_allclose(begun, later, atol=1e-5)


def batches():
    """Short high bursts against a steady low tone, {'mixture' [B T 1], 'stems' [B T 2 1]}."""
    draw = np.random.default_rng(0)
    time = np.arange(2048)
    low = np.sin(0.1 * time + draw.uniform(0, 6, (6, 1)))
    burst = np.exp(-np.arange(24) / 5) * np.cos(1.9 * np.arange(24))
    strokes = 3 * draw.standard_normal((6, 2048)) * (draw.random((6, 2048)) < 0.01)
    high = np.stack([np.convolve(one, burst)[:2048] for one in strokes])
    stems = np.stack([low, high], 2)[..., None].astype(np.float32)
    return {"mixture": stems.sum(2), "stems": stems}


def ratios(stems, found):
    error = np.square(np.asarray(found) - stems).sum((0, 1, 3))
    return 10 * np.log10(np.square(stems).sum((0, 1, 3)) / error)


def test_learns_dictionaries_and_separates_by_them():
    model = LearntBases(2, taps=16, iterations=12, hop=4, rounded=0.2, per_record=128)
    objective = SourceBases(model, most=700, steps=60, frames_a_step=350)
    batch = batches()
    variables = objective.init(jax.random.key(0), batch)
    frames = objective.describe(variables, batch, jax.random.key(0))
    assert frames["frames"].shape == (6, 128, 2, 16)
    seen = []
    fitted = objective.fit(variables, frames, frames, lambda *done: seen.append(done))
    assert seen == [(1, 2), (2, 2)]
    exponents = fitted.params["model"]["exponents"]
    assert np.median(exponents[1]) < 1 < np.median(exponents[0])  # strokes are sparse, tones not
    predict = jax.jit(lambda b: objective.predict(fitted, b, jax.random.key(0))["prediction"])
    stereo = {"mixture": np.concatenate([batch["mixture"]] * 2, 2)}
    found = np.asarray(predict(stereo))
    np.testing.assert_allclose(found.sum(2), stereo["mixture"], atol=1e-4)
    np.testing.assert_allclose(found[..., 1], found[..., 0], atol=1e-5)
    assert np.all(ratios(batch["stems"], found[..., :1]) > 12)
    np.testing.assert_array_equal(predict({"mixture": 0 * stereo["mixture"]}), 0)


def test_frames_that_lie_30_db_below_the_mixture_are_not_learnt_from():
    objective = SourceBases(LearntBases(2, taps=4), most=50)
    levels = np.sqrt(np.float32([[9e-4], [1.1e-3], [2e-3]]))
    learnt = objective._sounding(levels * np.ones((3, 4), np.float32), 0)
    assert learnt.shape == (50, 4) and set(learnt[:, 0]) == set(levels[1:, 0])


def test_a_stem_that_is_silent_throughout_is_named():
    objective = SourceBases(LearntBases(2, taps=4), most=8)
    frames = np.ones((2, 3, 2, 4), np.float32) * np.array([0.0, 1.0])[:, None]
    with pytest.raises(BadInput, match="stem 1 sounds in no frame"):
        objective.fit(None, {"frames": frames}, {}, lambda *_: None)
