"""FastICA against scikit-learn's, and what unmixing must give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.evaluation.blind_separation import best_order, recorded
from zoo.models.separation import ica


def sources(length=4000, count=3):
    draw = np.random.default_rng(0)
    time = np.arange(length)
    kinds = [np.sign(np.sin(time * 0.07)), draw.laplace(size=length), (time * 0.011) % 2 - 1]
    return np.stack(kinds[:count], 1).astype(np.float32) * np.float32([0.5, 0.1, 0.3][:count])


def mixed(gains):
    x = sources() @ gains.T
    return (x - x.mean(0)).astype(np.float32)


GAINS = np.array([[1.0, 0.6, 0.4], [0.3, 1.0, 0.7], [0.5, 0.2, 1.0]], np.float32)


@pytest.mark.parametrize("contrast", ["logcosh", "cube"])
def test_unmixing_equals_scikit_learn_s(contrast):
    """Up to sign and order, as both are at the mercy of where they start."""
    from sklearn.decomposition import FastICA

    x = mixed(GAINS)
    start = np.random.default_rng(1).standard_normal((3, 3)).astype(np.float32)
    settings = {"iterations": 300, "tolerance": 1e-7}
    got = np.asarray(
        ica.fast_ica(jnp.asarray(x), jnp.asarray(start), contrast=contrast, **settings)
    )
    theirs = FastICA(
        algorithm="parallel",
        whiten="unit-variance",
        fun=contrast,
        w_init=start.astype(np.float64),
        max_iter=300,
        tol=1e-10,
    ).fit(x.astype(np.float64))
    match = np.abs(got @ np.linalg.pinv(theirs.components_))
    np.testing.assert_allclose(np.sort(match, 1), np.sort(np.eye(3), 1), atol=5e-3)
    np.testing.assert_allclose((x @ got.T).std(0), 1, atol=1e-3)


def test_whitening_and_decorrelation():
    x = mixed(GAINS)
    matrix, covariance = ica.whitening(jnp.asarray(x))
    np.testing.assert_allclose(np.cov((x @ matrix.T).T), np.eye(3), atol=2e-3)
    np.testing.assert_allclose(covariance, np.cov(x.T, bias=True), rtol=1e-3)
    w = np.asarray(ica.decorrelated(jnp.asarray(GAINS)))
    left, _, right = np.linalg.svd(GAINS)
    np.testing.assert_allclose(w, left @ right, atol=1e-5)  # the polar factor


def run(stems, spill=0.5, **fields):
    """Stems [S T] before as many simulated microphones -> what these record, and the estimates."""
    images = recorded(stems[:, :, None], len(stems), spill)
    model = ica.ICA(**fields)
    unmix = jax.jit(lambda x: model.apply({}, x, rngs={"init": jax.random.key(0)}))
    estimate = np.moveaxis(np.asarray(unmix(jnp.asarray(images.sum(0)[None])))[0], 1, 0)
    return images, estimate[best_order(images, estimate)]


@pytest.mark.parametrize("spill", [0.2, 0.8])
def test_microphones_are_unmixed_to_the_sources_images(spill):
    images, estimate = run(sources().T, spill)
    assert estimate.shape == images.shape
    np.testing.assert_allclose(estimate.sum(0), images.sum(0), atol=2e-3)
    error = np.square(estimate - images).sum((1, 2))
    assert np.all(10 * np.log10(np.square(images).sum((1, 2)) / error) > 20)


def test_a_silent_source_leaves_the_others_and_silence_nothing():
    stems = sources().T.copy()
    stems[1] = 0
    images, estimate = run(stems)
    assert np.all(np.isfinite(estimate))
    error = np.square(estimate - images).sum((1, 2))[[0, 2]]
    assert np.all(10 * np.log10(np.square(images).sum((1, 2))[[0, 2]] / error) > 15)
    np.testing.assert_array_equal(run(np.zeros((3, 500), np.float32))[1], 0)


def test_covariances_are_taken_in_whole_float32_on_every_device():
    x = jax.ShapeDtypeStruct((1, 500, 3), jnp.float32)
    rngs = {"init": jax.random.key(0)}
    text = str(jax.make_jaxpr(lambda x: ica.ICA().apply({}, x, rngs=rngs))(x))
    assert "dot_general" in text and "precision=None" not in text
