"""Spans of a recording in seconds, as text or pairs: 1.2-1.25,3-3.1."""

from __future__ import annotations

import math
from collections.abc import Iterable

from zoo.errors import BadInput


def parse_spans(
    given: str | Iterable[tuple[float, float]], rate: int, length: int
) -> tuple[tuple[int, int], ...]:
    """(first, behind the last) samples of '1.2-1.25,3-3.1' or of pairs of seconds.

    length: samples of the recording. raises BadInput for what is no span of it.
    """
    if isinstance(given, str):
        pairs = [_read(word) for word in given.split(",") if word.strip()]
    else:
        pairs = [(float(first), float(last)) for first, last in given]
    found = []
    for first, last in pairs:
        if not 0 <= first < last <= length / rate + 1 / rate:
            raise BadInput(
                f"{first:g}-{last:g} s is no span of {length / rate:g} s: give 0 <= first < last, "
                "both within the recording"
            )
        found.append(
            (round(first * rate), min(max(round(last * rate), round(first * rate) + 1), length))
        )
    return tuple(found)


def _read(word: str) -> tuple[float, float]:
    """Two numbers of seconds with a hyphen between them."""
    first, _, last = word.strip().partition("-")
    try:
        pair = float(first), float(last)
    except ValueError:
        pair = math.nan, math.nan
    if not all(map(math.isfinite, pair)):
        raise BadInput(f"{word.strip()!r} is no span of seconds: write 1.2-1.25")
    return pair
