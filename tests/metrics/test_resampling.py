"""Resampled metrics equal scikit-learn's and NumPy's on the clips that were drawn."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from zoo.errors import BadInput
from zoo.metrics import resampling
from zoo.metrics.ranking import rank_tags
from zoo.metrics.resampling import Scores


def names(count: int) -> np.ndarray:
    return np.array([f"clip {i}" for i in range(count)])


def tagged(clips: int = 40, tags: int = 4, seed: int = 0, known: float = 1.0) -> Scores:
    """Scores with ties, rare tags, and labels that are not known."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((clips, tags)) < np.linspace(0.05, 0.6, tags)).astype(np.uint8)
    score = (truth + rng.standard_normal((clips, tags))).round(1)
    there = rng.random((clips, tags)) < known
    return Scores(names(clips), ranking={"truth": truth, "score": score, "known": there})


@pytest.mark.parametrize("known", [1.0, 0.7])
def test_each_resample_equals_sklearn_on_its_clips(known):
    scores = tagged(known=known)
    counts = next(resampling.bootstrap_counts(40, 30, seed=1))
    assert counts.shape == (30, 40) and (counts.sum(1) == 40).all()
    found = scores.statistics(counts)
    undefined = 0
    for row, count in enumerate(counts):
        drawn = scores.take(np.repeat(np.arange(40), count)).ranking
        roc, precision = [], []
        for k in range(4):
            mask = drawn["known"][:, k]
            truth, score = drawn["truth"][mask, k], drawn["score"][mask, k]
            if truth.any() and not truth.all():
                roc.append(roc_auc_score(truth, score))
                precision.append(average_precision_score(truth, score))
        undefined += 4 - len(roc)
        np.testing.assert_allclose(found["roc_auc"][row], np.mean(roc), rtol=1e-12)
        np.testing.assert_allclose(found["pr_auc"][row], np.mean(precision), rtol=1e-12)
    assert undefined  # a rare tag is missing from some resamples, and left out there


def test_the_whole_sample_has_the_scores_of_rank_tags():
    scores = tagged(known=0.8)
    found = scores.statistics(np.ones((1, 40), int))
    expected = rank_tags(**scores.ranking)
    assert found["roc_auc"][0] == pytest.approx(expected.roc_auc, abs=1e-12)
    assert found["pr_auc"][0] == pytest.approx(expected.average_precision, abs=1e-12)


def columns(values: np.ndarray, weights: np.ndarray):
    """(values, weights, where defined) of every column."""
    return [(column, weights, np.isfinite(column)) for column in values.T]


def test_means_and_medians_equal_numpy_on_the_drawn_items():
    rng = np.random.default_rng(2)
    values, weights = rng.standard_normal(21).round(1), rng.integers(1, 9, 21)
    stems = rng.standard_normal((21, 3))
    values[4], stems[3, 1] = np.nan, np.nan
    scores = Scores(names(21), {"m": values, "each": stems}, {"one": values, "all": stems}, weights)
    counts = next(resampling.bootstrap_counts(21, 20, seed=3))
    found = scores.statistics(counts)
    for row, count in enumerate(counts):
        at = np.repeat(np.arange(21), count)
        kept = at[np.isfinite(values[at])]
        mean = np.average(values[kept], weights=weights[kept])
        np.testing.assert_allclose(found["m"][row], mean, rtol=1e-12)
        each = [np.average(c[k], weights=w[k]) for c, w, k in columns(stems[at], weights[at])]
        np.testing.assert_allclose(found["each"][row], np.mean(each), rtol=1e-12)
        np.testing.assert_allclose(found["one"][row], np.median(values[kept]), rtol=1e-12)
        middle = np.nanmedian(stems[at], axis=0).mean()
        np.testing.assert_allclose(found["all"][row], middle, rtol=1e-12)


def test_intervals_agree_with_scipy_s_percentile_bootstrap():
    values = np.random.default_rng(4).gamma(2.0, size=60)
    (low, high) = resampling.intervals(Scores(names(60), {"m": values}), 5000)["m"]
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=5000, rng=0)
    width = high - low
    assert abs(low - theirs.confidence_interval.low) < 0.05 * width
    assert abs(high - theirs.confidence_interval.high) < 0.05 * width
    narrow = resampling.intervals(Scores(names(60), {"m": values}), 5000, level=0.5)["m"]
    assert low < narrow[0] < narrow[1] < high


def test_more_resamples_than_a_block_are_all_drawn_and_repeat_by_seed():
    counts = np.concatenate(list(resampling.bootstrap_counts(5, resampling._BLOCK + 7, seed=0)))
    assert counts.shape == (resampling._BLOCK + 7, 5)
    assert (
        counts == np.concatenate(list(resampling.bootstrap_counts(5, resampling._BLOCK + 7, 0)))
    ).all()
    assert (
        counts != np.concatenate(list(resampling.bootstrap_counts(5, resampling._BLOCK + 7, 1)))
    ).any()


def test_a_paired_difference_is_sharper_than_two_intervals():
    rng = np.random.default_rng(5)
    hard = rng.standard_normal(80)  # what both systems find hard
    better = Scores(names(80), {"m": hard + 0.2 + 0.1 * rng.standard_normal(80)})
    worse = Scores(names(80), {"m": hard})
    order = rng.permutation(80)
    found = resampling.paired_bootstrap(better, worse.take(order))["m"]
    assert found.difference == pytest.approx(found.first - found.second)
    assert found.difference == pytest.approx((better.means["m"] - worse.means["m"]).mean())
    assert 0 < found.interval[0] < found.difference < found.interval[1] < 0.25
    assert found.p == pytest.approx(2 / 1001)
    low, high = resampling.intervals(better)["m"]
    assert high - low > 5 * (found.interval[1] - found.interval[0])
    back = resampling.paired_bootstrap(worse, better)["m"]
    assert back.difference == pytest.approx(-found.difference) and back.p == found.p


def test_equal_systems_do_not_differ():
    scores = tagged()
    found = resampling.paired_bootstrap(scores, scores)
    assert set(found) == {"roc_auc", "pr_auc"}
    assert all(d.difference == 0 and d.p == 1.0 and d.interval == (0, 0) for d in found.values())


def test_a_p_value_is_uniform_where_nothing_differs():
    rng = np.random.default_rng(6)
    ps = []
    for _ in range(200):
        one, other = rng.standard_normal((2, 50))
        found = resampling.paired_bootstrap(
            Scores(names(50), {"m": one}), Scores(names(50), {"m": other}), 200
        )
        ps.append(found["m"].p)
    assert 0.005 < np.mean(np.array(ps) < 0.05) < 0.12


def test_other_items_are_refused():
    one, other = tagged(), tagged(clips=39)
    with pytest.raises(BadInput, match="'clip 39' is in one alone"):
        resampling.paired_bootstrap(one, other)
    with pytest.raises(BadInput, match="one has more than the other"):
        resampling.paired_bootstrap(other, one)


def test_a_single_item_has_no_interval():
    assert resampling.intervals(Scores(names(1), {"m": np.ones(1)})) == {}
