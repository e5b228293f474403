"""Whether a published figure and ours agree."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Literal

from zoo.reproduce.row import Interval

Verdict = Literal["within", "outside", "not compared"]


def verdict(
    published: float,
    ours: float | None,
    interval: Sequence[float] | None = None,
    tolerance: float | None = None,
    at_least: bool = False,
) -> Verdict:
    """Of one figure. tolerance: instead of ours' interval. at_least: the published is a bound."""
    if ours is None:
        return "not compared"
    if at_least:
        return "within" if ours >= published else "outside"
    if tolerance is not None:
        interval = ours - tolerance, ours + tolerance
    if interval is None:
        return "not compared"
    return "within" if interval[0] <= published <= interval[1] else "outside"


def of_all(
    published: Mapping[str, float],
    metrics: Mapping[str, float],
    intervals: Mapping[str, Sequence[float]],
    tolerance: float | None = None,
    at_least: bool = False,
) -> dict[str, Verdict]:
    """The verdict on each published figure, by its metric's name."""
    return {
        name: verdict(value, metrics.get(name), intervals.get(name), tolerance, at_least)
        for name, value in published.items()
    }


def combine_verdicts(found: Mapping[str, Verdict]) -> str:
    """'within' where all are; else which are not."""
    if not found:
        return "no published figure"
    others = {name: verdict for name, verdict in found.items() if verdict != "within"}
    if not others:
        return "within"
    if len(others) == len(found) and len(set(others.values())) == 1:
        return next(iter(others.values()))
    named = [f"{verdict}: {name.replace('/', ' ')}" for name, verdict in others.items()]
    return ", ".join([f"within: {len(found) - len(others)} of {len(found)}", *named])


def of_one_more(values: Sequence[float]) -> Interval:
    """The 95 % prediction interval of one more run like the two or more given (Student's t)."""
    from scipy.special import stdtrit

    runs, mean = len(values), statistics.fmean(values)
    reach = float(stdtrit(runs - 1, 0.975)) * statistics.stdev(values) * math.sqrt(1 + 1 / runs)
    return mean - reach, mean + reach


def wilson(right: int, of: int) -> Interval:
    """The 95 % interval of a share, right of so many, by Wilson (1927)."""
    z = 1.959963984540054
    share, width = right / of, z * z / of
    middle = (share + width / 2) / (1 + width)
    reach = z * math.sqrt(share * (1 - share) / of + width / of / 4) / (1 + width)
    return max(middle - reach, 0.0), min(middle + reach, 1.0)
