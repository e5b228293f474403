"""ICA by maximum likelihood against scikit-learn's FastICA; densities against SciPy's."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import gennorm, multivariate_normal
from sklearn.decomposition import FastICA

from zoo.signal import bases
from zoo.signal import generalised_gaussian as gg


def test_densities_are_scipy_s():
    q = np.array([0.7, 1.0, 2.0, 3.0])
    s = np.repeat(np.linspace(-3, 3, 40)[:, None], 4, 1)

    @jax.jit
    def ours(s, q):
        density = lambda s: gg.log_density(s, q, 1.7)  # noqa: E731
        alone = jax.grad(lambda s: -gg.log_density(s, q, jnp.ones(())).sum())(s)
        return density(s), alone, gg.score_function(s, q)

    density, wanted, slope = ours(s, q)
    np.testing.assert_allclose(density, gennorm.logpdf(s, q, scale=1.7 / gennorm.std(q)), atol=1e-5)
    np.testing.assert_allclose(slope, wanted, rtol=1e-4)
    steep = jax.jit(jax.grad(lambda s: gg.score_function(s, 0.7, rounded=0.3)))(0.0)
    np.testing.assert_allclose(gg.steepest(jnp.asarray(0.7), 0.3), steep, rtol=1e-5)


def test_exponents_are_found_again():
    q = np.array([0.7, 1.0, 2.0, 3.0])
    drawn = gennorm.rvs(q, scale=5.0, size=(40_000, 4), random_state=0)
    np.testing.assert_allclose(jax.jit(gg.shape)(drawn), q, rtol=0.08)


def test_filters_are_scikit_learn_s():
    draw = np.random.default_rng(0)
    sources = gennorm.rvs(np.array([0.8, 1.0, 1.2]), size=(6_000, 3), random_state=1)
    frames = (sources @ draw.standard_normal((3, 3))).astype(np.float32)
    begun = bases.whitening_bases(jnp.asarray(frames))
    white = frames @ np.asarray(begun.filters).T
    np.testing.assert_allclose(white.T @ white / len(white), np.eye(3), atol=1e-3)
    learn = jax.jit(
        lambda b, f: bases.learnt(b, f, jax.random.key(0), steps=150, batch=1500, rate=0.3)
    )
    found = learn(begun, jnp.asarray(frames))
    theirs = FastICA(3, whiten="unit-variance", fun="logcosh", random_state=0)
    wanted = theirs.fit_transform(frames.astype(np.float64))
    match = np.corrcoef((frames @ np.asarray(found.filters).T).T, wanted.T)[:3, 3:]
    assert sorted(np.abs(match).argmax(1)) == [0, 1, 2]
    np.testing.assert_allclose(np.abs(match).max(1), 1, atol=3e-3)
    values = frames @ np.asarray(found.filters).T
    np.testing.assert_allclose(values.std(0), 1, rtol=1e-2)
    likelihood = jax.jit(bases.log_likelihood)
    assert likelihood(found, frames) > likelihood(begun, frames) + 0.02


def test_likelihoods_are_those_of_a_normal_distribution():
    draw = np.random.default_rng(3)
    mixing = draw.standard_normal((4, 4))
    frames = draw.standard_normal((50, 4)) @ mixing.T
    found = bases.Bases(jnp.asarray(np.linalg.inv(mixing)), 2 * jnp.ones(4))
    wanted = multivariate_normal(np.zeros(4), mixing @ mixing.T).logpdf(frames).mean() / 4
    np.testing.assert_allclose(jax.jit(bases.log_likelihood)(found, frames), wanted, rtol=1e-4)
