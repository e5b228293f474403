"""Clustering against scikit-learn, and what components sound like against SciPy and librosa."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.optimize
import scipy.special
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.metrics import adjusted_rand_score

from zoo.signal import clustering, components


def clouds(seed=0):
    draw = np.random.default_rng(seed)
    centres = np.repeat(4 * draw.standard_normal((3, 5)), 8, 0)
    return (centres + draw.standard_normal((24, 5))).astype(np.float32), draw


@pytest.mark.parametrize("even", [True, False])
def test_k_means_equals_scikit_learn_s(even):
    x, draw = clouds()
    weights = np.ones(24) if even else draw.uniform(0.01, 3, 24)
    start = x[[0, 1, 2]]  # all in one cloud: it has to move
    labels, centres = clustering.k_means(jnp.asarray(x), jnp.asarray(weights), jnp.asarray(start))
    theirs = KMeans(3, init=start, n_init=1, algorithm="lloyd", max_iter=50, tol=0)
    theirs.fit(x, sample_weight=weights)
    np.testing.assert_array_equal(labels, theirs.labels_)
    np.testing.assert_allclose(centres, theirs.cluster_centers_, rtol=1e-4, atol=1e-4)


def test_the_first_centres_are_the_heaviest_point_and_the_farthest():
    x = jnp.asarray([[0.0], [1.0], [10.0], [11.0], [5.25]])
    centres = clustering.farthest_first(x, jnp.asarray([1.0, 2.0, 1.0, 1.0, 1.0]), 3)
    np.testing.assert_array_equal(centres[:, 0], [1.0, 11.0, 5.25])
    light = clustering.farthest_first(x, jnp.asarray([1.0, 2.0, 1.0, 0.0, 1.0]), 2)
    np.testing.assert_array_equal(light[:, 0], [1.0, 10.0])


def test_spectral_clusters_are_scikit_learn_s():
    """Two rings around one centre, which k-means of the points cannot tell apart."""
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], 1)
    x = np.concatenate([ring, 3 * ring])
    affinity = np.exp(-np.square(x[:, None] - x).sum(2) / 0.4)
    ours = clustering.spectral(jnp.asarray(affinity), jnp.ones(40), 2).argmax(1)
    theirs = SpectralClustering(2, affinity="precomputed", random_state=0).fit(affinity).labels_
    assert adjusted_rand_score(ours, theirs) == adjusted_rand_score(ours, np.arange(40) // 20) == 1
    of_points = clustering.memberships(jnp.asarray(x), jnp.ones(40), 2).argmax(1)
    assert adjusted_rand_score(of_points, theirs) < 0.5


def test_points_that_are_like_none_of_another_cluster_belong_to_their_own_alone():
    """However little they are like their own: rows have length one (Ng, Jordan, Weiss 2002)."""
    ties = np.random.default_rng(0).uniform(0.05, 2, 12)
    own = np.arange(12) // 6
    affinity = np.outer(ties, ties) * (own[:, None] == own)
    shares = np.asarray(clustering.spectral(jnp.asarray(affinity), jnp.ones(12), 2))
    one = np.equal(own[:, None], [own[0], 1 - own[0]])[:, :: 1 if shares[0, 0] > 0.5 else -1]
    np.testing.assert_allclose(shares, one, atol=1e-3)


def test_fuzzy_c_means_is_where_its_cost_is_least():
    """Bezdek's cost, over memberships that sum to one and over centres, by SciPy's minimiser."""
    x, draw = clouds()
    weights = draw.uniform(0.01, 3, 24)
    given = (jnp.asarray(x), jnp.asarray(weights), jnp.asarray(x[[0, 9, 17]]))
    owner, centres = clustering.fuzzy_c_means(*given)
    np.testing.assert_allclose(owner.sum(1), 1, rtol=1e-5)

    def cost(flat):
        logits, middles = flat[:72].reshape(24, 3), flat[72:].reshape(3, 5)
        squares = np.square(x[:, None].astype(np.float64) - middles).sum(2)
        return (weights[:, None] * scipy.special.softmax(logits, 1) ** 2 * squares).sum()

    start = np.concatenate([np.log(owner).ravel(), np.ravel(centres)]).astype(np.float64)
    least = scipy.optimize.minimize(cost, start, method="L-BFGS-B")
    np.testing.assert_allclose(least.fun, cost(start), rtol=1e-5)
    moved = start + 0.05 * draw.standard_normal(len(start))
    assert cost(moved) > 1.001 * cost(start)


def test_a_component_between_two_sources_is_of_both():
    x = jnp.asarray([[0.0], [0.1], [-0.1], [4.0], [4.1], [3.9], [2.0]])
    shares = np.asarray(clustering.memberships(x, jnp.ones(7), 2))
    np.testing.assert_allclose(shares[-1], 0.5, atol=0.02)
    assert np.all(np.sort(shares[:-1], 1)[:, 1] > 0.99)


def test_timbre_is_the_cepstrum_without_its_first():
    draw = np.random.default_rng(0)
    power = draw.gamma(0.5, 1.0, (3, 513)).astype(np.float32)
    bank = librosa.filters.mel(sr=16_000, n_fft=1024, n_mels=40)
    level = power @ bank.T
    level = np.log(level / level.max(1, keepdims=True) + 1e-6)
    wanted = scipy.fft.dct(level, norm="ortho", axis=1)[:, 1:14]
    np.testing.assert_allclose(components.timbre(power, 16_000), wanted, rtol=1e-3, atol=1e-3)
    louder = components.timbre(100 * power, 16_000)
    np.testing.assert_allclose(louder, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("empty", [0, 40])
def test_components_of_one_timbre_are_one_source(empty):
    """And those without energy, which are all alike, make no source of their own."""
    bins, middles = np.arange(513), np.array([0, 512, 0, 512, 0, 150, 150])
    draw = np.random.default_rng(0)
    spectra = np.exp(-np.abs(bins - middles[:, None]) / 40) * draw.uniform(0.8, 1.2, (7, 513))
    spectra = np.concatenate([spectra, np.zeros((empty, 513))])
    energy = jnp.asarray(np.sign(spectra.sum(1)))
    owner = np.asarray(
        jax.jit(components.by_timbre, static_argnums=(2, 3))(
            jnp.asarray(spectra), energy, 16_000, 3
        )
    )[:7]
    np.testing.assert_allclose(owner.sum(1), 1, rtol=1e-5)
    assert adjusted_rand_score(owner.argmax(1), middles) == 1
