"""Statistics of listening tests: means with intervals, and t-tests between two systems.

The unpaired test is Student's, of equal variances, over all ratings, as papers report it; the
paired one is of the differences between ratings of one item by one listener, which do not count
what listeners and items have in common as noise.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class RatingSummary:
    """Of one system's ratings. deviation: with n - 1. low, high: interval of the mean."""

    count: int
    mean: float
    deviation: float
    low: float
    high: float


@dataclass(frozen=True)
class _TTest:
    """difference: of the means. p: two-sided; nan where there is nothing to compare."""

    count: int
    difference: float
    t: float
    freedom: int
    p: float


def summarise_ratings(ratings: Sequence[float], confidence: float = 0.95) -> RatingSummary:
    """Mean of ratings [n] with its interval by Student's distribution."""
    from scipy.special import stdtrit

    values = np.asarray(ratings, np.float64)
    count, mean = len(values), float(values.mean())
    if count < 2:
        return RatingSummary(count, mean, math.nan, math.nan, math.nan)
    deviation = float(values.std(ddof=1))
    half = float(stdtrit(count - 1, 0.5 + confidence / 2)) * deviation / math.sqrt(count)
    return RatingSummary(count, mean, deviation, mean - half, mean + half)


def unpaired(first: RatingSummary, second: RatingSummary) -> _TTest:
    """Student's test of two independent samples, from their moments."""
    freedom = first.count + second.count - 2
    difference = first.mean - second.mean
    if min(first.count, second.count) < 2:
        return _TTest(first.count + second.count, difference, math.nan, freedom, math.nan)
    squares = sum((s.count - 1) * s.deviation**2 for s in (first, second))
    error = math.sqrt(squares / freedom * (1 / first.count + 1 / second.count))
    return _tested(first.count + second.count, difference, error, freedom)


def paired_t_test(first: Mapping[Key, float], second: Mapping[Key, float]) -> _TTest:
    """The test of the differences under keys that both have, as (listener, item)."""
    shared = [key for key in first if key in second]
    found = np.array([first[key] - second[key] for key in shared], np.float64)
    if len(found) < 2:
        mean = float(found.mean()) if len(found) else math.nan
        return _TTest(len(found), mean, math.nan, max(len(found) - 1, 0), math.nan)
    error = float(found.std(ddof=1)) / math.sqrt(len(found))
    return _tested(len(found), float(found.mean()), error, len(found) - 1)


def _tested(count: int, difference: float, error: float, freedom: int) -> _TTest:
    from scipy.special import stdtr

    if not error:
        t = math.copysign(math.inf, difference) if difference else math.nan
        return _TTest(count, difference, t, freedom, 0.0 if difference else math.nan)
    t = difference / error
    return _TTest(count, difference, t, freedom, float(2 * stdtr(freedom, -abs(t))))
