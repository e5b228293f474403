"""Statistics of listening tests against SciPy and a published t-test."""

import numpy as np
import pytest
from scipy import stats

from zoo.metrics.listening import RatingSummary, paired_t_test, summarise_ratings, unpaired


def drawn(seed, count=20, mean=3.0):
    return np.random.default_rng(seed).normal(mean, 1, count).round(1)


@pytest.mark.parametrize("count", [2, 5, 40])
def test_intervals_are_scipys(count):
    values = drawn(0, count)
    found = summarise_ratings(values)
    assert (found.count, found.mean) == (count, pytest.approx(values.mean()))
    assert found.deviation == pytest.approx(np.std(values, ddof=1))
    wanted = stats.t.interval(0.95, count - 1, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(wanted)
    assert summarise_ratings(values, 0.5).high < found.high


def test_t_tests_are_scipys():
    one, other = drawn(1), drawn(2, 20, 3.4)
    wanted = stats.ttest_ind(one, other[:13])
    found = unpaired(summarise_ratings(one), summarise_ratings(other[:13]))
    assert (found.t, found.p, found.freedom) == pytest.approx((*wanted, 31))
    keys = [("listener", i) for i in range(20)]
    wanted = stats.ttest_rel(one, other)
    found = paired_t_test(dict(zip(keys, one)), dict(zip(reversed(keys), reversed(other))))
    assert (found.t, found.p, found.count) == pytest.approx((*wanted, 20))
    some = paired_t_test(dict(zip(keys[5:], one[5:])), dict(zip(keys[:15], other[:15])))
    assert (some.t, some.p) == pytest.approx(tuple(stats.ttest_rel(one[5:15], other[5:15])))


def test_the_tutorials_p_follows_from_its_means_and_deviations():
    """3.0 +- 1.0 against 3.3 +- 0.85 by 15 listeners, p = 0.049: so many ratings as five each."""
    wavenet, wave_unet = (RatingSummary(75, m, d, 0, 0) for m, d in ((3.0, 1.0), (3.3, 0.85)))
    assert unpaired(wavenet, wave_unet).p == pytest.approx(0.049, abs=0.001)


def test_what_cannot_be_compared_has_no_p():
    one, same = summarise_ratings([3.0]), summarise_ratings([2.0, 2.0])
    assert np.isnan(one.low) and np.isnan(unpaired(one, same).p)
    assert (
        np.isnan(paired_t_test({1: 3.0}, {2: 3.0}).p)
        and paired_t_test({1: 3.0}, {2: 3.0}).count == 0
    )
    assert np.isnan(unpaired(same, same).p) and paired_t_test({1: 1, 2: 2}, {1: 0, 2: 1}).p == 0
