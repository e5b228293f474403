"""Pitches by name or number: C4 and 60 are middle C."""

from __future__ import annotations

import re
from collections.abc import Iterable

from zoo import numerals
from zoo.errors import BadInput

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAME = re.compile(r"([A-Ga-g])([#b]?)(-1|\d)")


def parse_pitch_text(text: str) -> tuple[int, ...]:
    """MIDI numbers of 'C4,Eb4,67', 0 to 127. raises BadInput for what is no pitch."""
    return tuple(_number(word) for word in text.split(",") if word.strip())


def parse_pitches(pitches: str | Iterable[int | str]) -> tuple[int, ...]:
    """MIDI numbers of a text as of `parse_pitch_text`, or of single names and numbers."""
    return parse_pitch_text(pitches if isinstance(pitches, str) else ",".join(map(str, pitches)))


def _number(word: str) -> int:
    """The MIDI number of a name such as F#3, or of a number."""
    word = word.strip()
    found = int(word) if numerals.is_count(word) else None
    if named := _NAME.fullmatch(word):
        letter, accidental, octave = named.groups()
        found = 12 * (int(octave) + 1) + _STEPS[letter.upper()]
        found += {"#": 1, "b": -1, "": 0}[accidental]
    if found is None or not 0 <= found <= 127:
        raise BadInput(f"{word!r} is no pitch: give names such as C4 or F#3, or MIDI 0 to 127")
    return found
