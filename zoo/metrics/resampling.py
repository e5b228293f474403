"""Bootstrap intervals and paired comparisons of scores per clip or track (Efron 1979).

A resample draws N of the N items with replacement; it is kept as counts [R N], so that nothing is
scored again: tags are sorted once, and a resample is a weighting of the sorted clips. Percentile
intervals; the resamples of a seed are the same for every metric and system of equal N.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from zoo.errors import BadInput

RESAMPLES = 1000
_LEVEL = 0.95
_BLOCK = 250  # resamples at once: [N BLOCK] counts, 4 MB for 4,000 clips

_Values = Mapping[str, np.ndarray]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Scores:
    """What an evaluation found for each of its N clips or tracks, as metrics are made of it.

    names [N]: distinct. means, medians: a metric's value per item [N], NaN where it has none; or
    [N S], whose metric is the mean over S of the means or medians over N. weights [N]: of
    the items in means (samples, windows, steps); None: equal. ranking: 'truth', 'score' and 'known'
    [N K], of which roc_auc and pr_auc are made.
    """

    names: np.ndarray
    means: _Values = field(default_factory=dict)
    medians: _Values = field(default_factory=dict)
    weights: np.ndarray | None = None
    ranking: _Values = field(default_factory=dict)

    def statistics(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Every metric of resamples given as counts [R N] -> [R] each."""
        weights = counts if self.weights is None else counts * self.weights
        found = {name: _mean(value, weights) for name, value in self.means.items()}
        found |= {name: _median(value, counts) for name, value in self.medians.items()}
        return found | (ranking(**self.ranking, counts=counts) if self.ranking else {})

    def take(self, index: np.ndarray) -> Scores:
        """The items at `index`, in that order."""
        picked = {
            name: {key: value[index] for key, value in getattr(self, name).items()}
            for name in ("means", "medians", "ranking")
        }
        weights = None if self.weights is None else self.weights[index]
        return Scores(self.names[index], weights=weights, **picked)


@dataclass(frozen=True)
class Difference:
    """A metric of one system minus that of another on the same items.

    interval: of the difference. p: two-sided, twice the share of resamples in which the difference
    has the other sign or none.
    """

    first: float
    second: float
    difference: float
    interval: Interval
    p: float


def intervals(
    scores: Scores, resamples: int = RESAMPLES, level: float = _LEVEL, seed: int = 0
) -> dict[str, Interval]:
    """By metric, the bounds between which `level` of its resamples lie; none for a single item."""
    if len(scores.names) < 2:
        return {}
    found = _resampled(scores, resamples, seed)
    return {name: _bounds(values, level) for name, values in found.items() if _defined(values)}


def paired_bootstrap(
    first: Scores,
    second: Scores,
    resamples: int = RESAMPLES,
    level: float = _LEVEL,
    seed: int = 0,
) -> dict[str, Difference]:
    """Metrics that both have, first minus second, over resamples of the same items.

    The items may stand in another order. raises BadInput where they are not the same.
    """
    second = second.take(_matched(first.names, second.names))
    one, other = (_resampled(scores, resamples, seed) for scores in (first, second))
    whole = np.ones((1, len(first.names)), np.int32)
    exact = [scores.statistics(whole) for scores in (first, second)]
    result = {}
    for name in (name for name in one if name in other):
        apart = one[name] - other[name]
        if _defined(apart):
            a, b = (float(values[name][0]) for values in exact)
            result[name] = Difference(a, b, a - b, _bounds(apart, level), _two_sided(apart))
    return result


def bootstrap_counts(items: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Counts [r N] of bootstrap resamples, in blocks that make `resamples` together."""
    rng = np.random.default_rng(seed)
    for begin in range(0, resamples, _BLOCK):
        rows = min(_BLOCK, resamples - begin)
        chosen = rng.integers(items, size=(rows, items)) + items * np.arange(rows)[:, None]
        yield np.bincount(chosen.ravel(), minlength=rows * items).reshape(rows, items)


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means of values [N] under weights [R N] -> [R]; of [N S] the mean over S; no NaN."""
    if values.ndim == 2:
        return np.mean([_mean(column, weights) for column in values.T], axis=0)
    there = np.isfinite(values)
    weights = weights[:, there].astype(np.float64)
    with np.errstate(invalid="ignore"):
        return weights @ values[there].astype(np.float64) / weights.sum(1)


def _median(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Medians of resampled values [N] -> [R]; of [N S] the mean over S of theirs; no NaN."""
    if values.ndim == 2:
        return np.mean([_median(column, counts) for column in values.T], axis=0)
    order = np.argsort(values, kind="stable")
    order = order[np.isfinite(values[order])]
    ordered, total = values[order].astype(np.float64), np.cumsum(counts[:, order], axis=1)
    result = np.full(len(counts), np.nan)
    for row in np.flatnonzero(total[:, -1] if total.shape[1] else np.zeros(len(counts))):
        drawn = total[row, -1]
        middle = np.searchsorted(total[row], [(drawn - 1) // 2, drawn // 2], side="right")
        result[row] = ordered[middle].mean()
    return result


def ranking(
    truth: np.ndarray, score: np.ndarray, known: np.ndarray, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Macro ROC-AUC and average precision of resampled clips: [N K] x 3, [R N] -> [R] each.

    As zoo.metrics.ranking: ties count half in ROC-AUC and as one step in average precision, and a
    tag without both classes in a resample is left out of that resample's means.
    """
    known = np.asarray(known, bool)
    columns = np.ascontiguousarray(counts.T.astype(np.int32))
    per_tag = partial(_rank_tag, columns)
    pairs = [per_tag(truth[m, k] > 0, score[m, k], m) for k, m in enumerate(known.T)]
    return {
        name: _mean_over_tags(np.stack(values))
        for name, values in zip(("roc_auc", "pr_auc"), zip(*pairs, strict=True), strict=True)
    }


def _rank_tag(
    columns: np.ndarray, truth: np.ndarray, score: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(ROC-AUC [R], average precision [R]) of one tag; truth and score of its known clips [n]."""
    order = np.argsort(-score, kind="stable")
    truth, score = truth[order], score[order]
    ordered = columns[np.flatnonzero(known)[order]]  # [n R], the likeliest clip first
    at = np.flatnonzero(truth)
    if not len(at) or len(at) == len(truth):
        return (np.full(columns.shape[1], np.nan),) * 2
    starts = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])  # of runs of equal scores
    group = np.searchsorted(starts, at, side="right") - 1
    end = np.r_[starts[1:], len(score)][group]  # clips up to and with those of the same score
    total = np.concatenate([np.zeros_like(ordered[:1]), np.cumsum(ordered, 0, dtype=np.int32)])
    hits = np.concatenate([np.zeros_like(ordered[:1]), np.cumsum(ordered[at], 0, dtype=np.int32)])
    right = hits[np.searchsorted(at, end)]
    wrong = total[end] - right
    before = total[starts[group]] - hits[np.searchsorted(at, starts[group])]
    positives = hits[-1].astype(np.float64)
    negatives = total[-1] - positives
    with np.errstate(invalid="ignore", divide="ignore"):
        behind = (ordered[at] * (negatives - (wrong + before) / 2)).sum(0)
        steps = (ordered[at] * (right / np.maximum(total[end], 1))).sum(0)
        roc, precision = behind / (positives * negatives), steps / positives
    precision[negatives == 0] = np.nan
    return roc, precision


def _mean_over_tags(values: np.ndarray) -> np.ndarray:
    """Means over defined tags of [K R] -> [R]; NaN where none is."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(there, values, 0.0).sum(0) / there.sum(0)


def _resampled(scores: Scores, resamples: int, seed: int) -> dict[str, np.ndarray]:
    """Every metric over all resamples, [R] each."""
    blocks = [scores.statistics(c) for c in bootstrap_counts(len(scores.names), resamples, seed)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _matched(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where the first's items stand in the second. raises BadInput."""
    place = {str(name): index for index, name in enumerate(second)}
    lacking = [str(name) for name in first if str(name) not in place]
    if lacking or len(first) != len(second):
        example = f"'{lacking[0]}' is in one alone" if lacking else "one has more than the other"
        raise BadInput(
            f"{len(first)} and {len(second)} items that are not the same ({example}): evaluate "
            "both systems on the same split of the same data."
        )
    return np.array([place[str(name)] for name in first], int)


def _defined(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).any())


def _bounds(values: np.ndarray, level: float) -> Interval:
    edges = (1 - level) / 2, (1 + level) / 2
    low, high = np.quantile(values[np.isfinite(values)], edges)
    return float(low), float(high)


def _two_sided(apart: np.ndarray) -> float:
    """Never zero: the observed sample counts as a resample of its own (Davison, Hinkley 1997)."""
    apart = apart[np.isfinite(apart)]
    rarer = min((apart <= 0).sum(), (apart >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (len(apart) + 1)))
