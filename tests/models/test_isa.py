"""Independent subspace analysis against scikit-learn's FastICA, and as a separator."""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.decomposition import FastICA

from zoo.evaluation.blind_separation import best_order
from zoo.models.separation.isa import ISA, independent_spectra


def magnitudes(rank=3):
    draw = np.random.default_rng(0)
    spectra = draw.exponential(1.0, (rank, 300)) ** 2  # sparse, as spectra are
    gains = draw.uniform(0, 1, (25, rank))
    return (gains @ spectra + 1e-3 * draw.random((25, 300))).astype(np.float32)


def test_independent_spectra_are_scikit_learn_s():
    v = magnitudes()
    start = np.random.default_rng(1).standard_normal((3, 3)).astype(np.float32)
    with jax.default_matmul_precision("highest"):
        gains, spectra = independent_spectra(jnp.asarray(v), jnp.asarray(start), tolerance=1e-7)
    theirs = FastICA(3, whiten="unit-variance", w_init=start, max_iter=500, tol=1e-8)
    wanted = theirs.fit_transform(v.T.astype(np.float64)).T  # [K N], centred
    ours = np.asarray(spectra - spectra.mean(1, keepdims=True))
    match = ours @ wanted.T / 300  # both have variance one: correlations
    np.testing.assert_allclose(np.sort(np.abs(match).max(1)), 1, atol=2e-3)
    assert sorted(np.abs(match).argmax(1)) == [0, 1, 2]
    scale = np.take_along_axis(match, np.abs(match).argmax(1)[:, None], 1)[:, 0]
    mixing = theirs.mixing_[:, np.abs(match).argmax(1)] * np.sign(scale)
    np.testing.assert_allclose(gains, mixing, atol=5e-3 * np.abs(mixing).max())
    np.testing.assert_allclose(gains @ spectra, v, atol=2e-2)


def sources():
    """A dull note and a bright one that take turns, [2 T 1]."""
    time = np.arange(16_384)
    gate = (time // 2048) % 2
    dull = np.sin(2 * np.pi * 200 * time / 16_000) * gate
    bright = sum(np.sin(2 * np.pi * 310 * h * time / 16_000) for h in range(3, 20)) * (1 - gate)
    return np.stack([0.3 * dull, 0.05 * bright])[:, :, None].astype(np.float32)


def separated(mixture, **fields):
    model = ISA(2, rank=4, iterations=50, n_fft=1024, hop=256, **fields)
    return jax.jit(lambda m: model.apply({}, m, rngs={"init": jax.random.key(0)}))(mixture)


def test_separates_blindly_and_sums_to_the_mixture():
    stems = sources()
    stereo = np.concatenate([stems, 0.5 * stems], 2)
    estimate = np.moveaxis(np.asarray(separated(stereo.sum(0)[None]))[0], 1, 0)
    assert estimate.shape == stereo.shape
    np.testing.assert_allclose(estimate.sum(0), stereo.sum(0), atol=1e-4)
    error = np.square(estimate[best_order(stereo, estimate)] - stereo).sum((1, 2))
    assert np.all(10 * np.log10(np.square(stereo).sum((1, 2)) / error) > 8)
    np.testing.assert_array_equal(separated(np.zeros((1, 4096, 1), np.float32)), 0)
