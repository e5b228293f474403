"""NDB: bins by scikit-learn, tests by SciPy's contingency tables, divergence by its entropy."""

import numpy as np
import pytest
import scipy.stats
from sklearn.cluster import KMeans

from zoo.errors import BadInput
from zoo.metrics import bins


def cloud(seed: int, count: int = 400, shares=(0.25, 0.25, 0.25, 0.25)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    place = rng.choice(4, count, p=shares)
    return 10 * np.eye(4)[place] + rng.normal(size=(count, 4))


def test_p_values_are_those_of_two_by_two_tables():
    one, other = np.array([30, 5, 65, 0]), np.array([20, 15, 95, 0])
    wanted = [
        scipy.stats.chi2_contingency([[a, 100 - a], [b, 130 - b]], correction=False).pvalue
        for a, b in zip(one[:3], other[:3])
    ]
    np.testing.assert_allclose(bins.p_values(one, other), [*wanted, 1], rtol=1e-9)


def test_bins_and_counts_are_scikit_learns():
    found = bins.fit_bins(cloud(0), 4)
    oracle = KMeans(4, n_init=1, max_iter=100, random_state=0).fit(cloud(0))
    other = cloud(1, 300, (0.4, 0.3, 0.2, 0.1))
    shares = [
        np.bincount(labels, minlength=4) / len(labels)
        for labels in (oracle.labels_, oracle.predict(other))
    ]
    middle = sum(shares) / 2
    divergence = np.mean([scipy.stats.entropy(p, middle) for p in shares])
    assert bins.compare_bins(found, other).divergence == pytest.approx(divergence, rel=1e-9)


def test_a_lost_mode_and_a_collapse_are_seen_and_the_same_cloud_is_not():
    reference = bins.fit_bins(cloud(0, 2000), 20)
    same = [bins.compare_bins(reference, cloud(seed, 2000)).share for seed in range(1, 9)]
    assert np.mean(same) < 0.15
    lost = bins.compare_bins(reference, cloud(1, 2000, (0, 1 / 3, 1 / 3, 1 / 3)))
    assert lost.share > 0.5 and lost.divergence > 0.05
    collapsed = bins.compare_bins(reference, np.tile(cloud(1, 1), (500, 1)))
    assert collapsed.different == 20 and collapsed.divergence > 0.5


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="10 or more for each"):
        bins.fit_bins(cloud(0, 99), 10)
    with pytest.raises(BadInput, match="for bins"):
        bins.compare_bins(bins.fit_bins(cloud(0), 4), cloud(0)[:, :3])
    with pytest.raises(BadInput, match="finite"):
        bins.fit_bins(cloud(0) * np.nan, 4)
