"""Ratings of a listening test, out of the files that its page saves: read, checked, compared."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from zoo import numerals
from zoo.errors import BadInput
from zoo.metrics.listening import paired_t_test, summarise_ratings, unpaired

RANGES = {"mos": (1.0, 5.0), "mushra": (0.0, 100.0)}
HIDDEN_REFERENCE = "reference (hidden)"
HIGH, _SHARE = 90.0, 0.15  # ITU-R BS.1534-3: who rates the reference lower more often is left out


@dataclass(frozen=True)
class Rating:
    """What one listener gave one sound."""

    listener: str
    item: str
    system: str
    value: float


def read_ratings(files: Iterable[Path], key: Mapping[str, Any]) -> list[Rating]:
    """Ratings of all files, whose sounds `key` names. raises BadInput at what cannot be right."""
    low, high = RANGES[key["mode"]]
    found: dict[tuple[str, str], Rating] = {}
    for file in files:
        for row in _rows(file):
            sound, listener = str(row.get("sound", "")), str(row.get("listener", ""))
            if sound not in key["sounds"]:
                raise BadInput(f"{file} rates '{sound}', no sound of this test: give its key.json.")
            value = _value(row.get("rating"))
            if not low <= value <= high:
                raise BadInput(
                    f"{file}: {row.get('rating')!r} is no rating of {low:g} to {high:g}."
                )
            if (listener, sound) in found:
                raise BadInput(f"{file}: {listener} rated {sound} twice: give each file once.")
            about = key["sounds"][sound]
            found[listener, sound] = Rating(listener, about["item"], about["system"], value)
    if not found:
        raise BadInput("no ratings: give the files that the page saved.")
    return list(found.values())


def _value(written: Any) -> float:
    """nan where it is no number."""
    try:
        return numerals.real(str(written))
    except ValueError:
        return math.nan


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
        rows = json.loads(text) if file.suffix == ".json" else [*csv.DictReader(text.splitlines())]
        return [dict(row) for row in rows]
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise BadInput(f"{file} is no ratings as the page saves them ({error}).") from error


def screen_listeners(ratings: Sequence[Rating]) -> tuple[list[Rating], list[str]]:
    """Without listeners who did not find the hidden reference, and who these are."""
    missed = []
    for listener in dict.fromkeys(rating.listener for rating in ratings):
        values = [
            r.value for r in ratings if (r.listener, r.system) == (listener, HIDDEN_REFERENCE)
        ]
        if values and sum(value < HIGH for value in values) > _SHARE * len(values):
            missed.append(listener)
    return [rating for rating in ratings if rating.listener not in missed], missed


def ratings_table(ratings: Sequence[Rating], confidence: float = 0.95) -> list[str]:
    """Lines: mean, deviation and interval of every system, then both t-tests of every pair."""
    systems: dict[str, dict[tuple[str, str], float]] = {}
    for rating in ratings:
        systems.setdefault(rating.system, {})[rating.listener, rating.item] = rating.value
    found = {
        name: summarise_ratings([*values.values()], confidence) for name, values in systems.items()
    }
    order = sorted(found, key=lambda name: -found[name].mean)
    width = max(map(len, order))
    lines = [f"{'system':{width}}     n   mean  deviation  {confidence:.0%} interval"]
    for name in order:
        s = found[name]
        spread = f"{s.deviation:9.2f}  {s.low:.2f} to {s.high:.2f}"
        lines.append(f"{name:{width}} {s.count:5} {s.mean:6.2f}  {spread}")
    if len(order) > 1:
        lines += ["", "difference of means; p of t-tests, two-sided: unpaired, and paired by item"]
    for one, other in combinations(order, 2):
        apart, together = (
            unpaired(found[one], found[other]),
            paired_t_test(systems[one], systems[other]),
        )
        lines.append(
            f"{one} - {other}: {apart.difference:+.2f}; unpaired t({apart.freedom}) = "
            f"{apart.t:.2f}, p = {apart.p:.3g}; paired t({together.freedom}) = {together.t:.2f}, "
            f"p = {together.p:.3g}, {together.count} pairs"
        )
    return lines
