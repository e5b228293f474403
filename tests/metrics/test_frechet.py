"""Distances of embedding sets against closed forms, scipy.linalg.sqrtm and scikit-learn kernels."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from sklearn.metrics.pairwise import euclidean_distances, polynomial_kernel, rbf_kernel

from zoo.errors import BadInput
from zoo.metrics.frechet import (
    fit_gaussian,
    frechet_distance,
    gaussian_kernel_distance,
    kernel_distance,
    log_mel_embedding,
    log_mel_frechet,
)


def sets(count: int = 60, size: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    one = rng.standard_normal((count, size)) @ rng.standard_normal((size, size))
    return one, 1.5 * rng.standard_normal((count + 7, size)) + 0.5


def test_gaussian_is_numpys():
    one, _ = sets()
    found = fit_gaussian(one)
    np.testing.assert_allclose(found.mean, one.mean(axis=0))
    np.testing.assert_allclose(found.covariance, np.cov(one, rowvar=False))
    assert found.count == 60


def test_frechet_equals_the_matrix_square_root():
    one, other = (fit_gaussian(x) for x in sets())
    root = scipy.linalg.sqrtm(one.covariance @ other.covariance).real
    expected = ((one.mean - other.mean) ** 2).sum()
    expected += np.trace(one.covariance + other.covariance - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(other, one) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_a_shift_where_covariances_are_singular():
    """Fewer embeddings than dimensions; a shift by 3 in each of 50 dimensions is 450."""
    one = np.random.default_rng(0).standard_normal((10, 50))
    assert frechet_distance(fit_gaussian(one), fit_gaussian(one + 3)) == pytest.approx(450)
    assert frechet_distance(fit_gaussian(one), fit_gaussian(one)) == pytest.approx(0, abs=1e-9)


def unbiased(within: np.ndarray, other: np.ndarray, between: np.ndarray) -> float:
    n, m = len(within), len(other)
    off = [k[~np.eye(len(k), dtype=bool)].sum() for k in (within, other)]
    return off[0] / (n * n - n) + off[1] / (m * m - m) - 2 * between.mean()


def test_kernel_distances_equal_sklearn_kernels():
    one, other = sets()
    cubic = [
        polynomial_kernel(x, y, degree=3, gamma=1 / 6, coef0=1)
        for x, y in ((one, one), (other, other), (one, other))
    ]
    assert kernel_distance(one, other) == pytest.approx(unbiased(*cubic))
    width = np.median(euclidean_distances(other)[np.triu_indices(len(other), 1)])
    bell = [
        rbf_kernel(x, y, gamma=1 / (2 * width**2))
        for x, y in ((one, one), (other, other), (one, other))
    ]
    assert gaussian_kernel_distance(one, other) == pytest.approx(unbiased(*bell))
    assert gaussian_kernel_distance(one, other, 1.0) != pytest.approx(unbiased(*bell))


def test_unbiased_distances_of_one_distribution_straddle_zero():
    rng = np.random.default_rng(0)
    values = [kernel_distance(*rng.standard_normal((2, 30, 4))) for _ in range(40)]
    assert min(values) < 0 < max(values)
    assert abs(np.mean(values)) < 3 * scipy.stats.sem(values)


def test_log_mel_distance_rises_with_a_filter():
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal((24, 4_000, 1))
    dull = 0.5 * (noise + np.roll(noise, 1, axis=1))
    assert log_mel_embedding(noise, 8_000, mels=20).shape == (24, 40)
    same = log_mel_frechet(noise[:12], noise[12:], 8_000)
    assert log_mel_frechet(noise[:12], dull[12:], 8_000) > 3 * same


def test_bad_input_is_named():
    one, other = sets()
    with pytest.raises(BadInput, match="6 and 5 dimensions"):
        frechet_distance(fit_gaussian(one), fit_gaussian(other[:, :5]))
    with pytest.raises(BadInput, match="N of 2 or more"):
        fit_gaussian(one[:1])
    with pytest.raises(BadInput, match="bandwidth"):
        gaussian_kernel_distance(one, np.zeros_like(other))
