"""Pieces as training examples of symbols: moved, encoded, cropped, and filled up with a mask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from zoo.data.events import transpose_notes
from zoo.data.note_rolls import Notes
from zoo.data.source import Example


class EventCodec(Protocol):
    """How music becomes symbols 0 to count - 1 and back: zoo/data/events.py, zoo/data/grids.py."""

    @property
    def count(self) -> int: ...

    def sequence(self, record: Example) -> np.ndarray:
        """The symbols [N] int32 of a whole record."""

    def encode(self, notes: Notes) -> np.ndarray: ...

    def decode(self, events: np.ndarray) -> Notes: ...

    def seconds(self, events: np.ndarray) -> float:
        """How much time passes in symbols [N]."""

    def begun(self, events: np.ndarray) -> int:
        """The notes in symbols [N] by which a score per note divides."""

    def sounding(self, events: np.ndarray) -> np.ndarray:
        """The symbols [n] that begin anew what sounds after symbols [N]."""


_HELD = 16  # symbols that begin what sounds at once, about


@dataclass(frozen=True)
class MoveNotes:
    """A random transposition by -semitones..semitones, and a random one of `stretches` in time."""

    semitones: int = 3
    stretches: tuple[float, ...] = (0.95, 0.975, 1.0, 1.025, 1.05)

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        by = int(rng.integers(-self.semitones, self.semitones + 1))
        stretch = float(rng.choice(self.stretches))
        return {**example, "notes": transpose_notes(example["notes"], by, stretch)}


@dataclass(frozen=True)
class EventCrop:
    """A record -> `events` [length 1] int32 and `known` [length] uint8, 1 where there are events.

    A random stretch of longer pieces, every one equally likely; shorter ones whole, filled up with
    symbol 0. held: it begins with the notes that sound there; else they end without a beginning,
    from which a small net learns to leave notes without an end.
    """

    vocabulary: EventCodec
    length: int
    held: bool = False

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        events = self.vocabulary.sequence(example)
        spare = _HELD if self.held else 0  # what sounds takes the place of some at the end
        start = int(rng.integers(max(len(events) - self.length + spare, 0) + 1))
        begun = self.vocabulary.sounding(events[:start]) if self.held else events[:0]
        crop = np.concatenate([begun, events[start:]])[: self.length]
        return {**example, **pad_events(crop, self.length)}


def pad_events(events: np.ndarray, length: int) -> Example:
    """Symbols [N] -> `events` [length 1] and `known` [length]; N is at most `length`."""
    spare = length - len(events)
    known = np.pad(np.ones(len(events), np.uint8), (0, spare))
    return {"events": np.pad(events, (0, spare)).astype(np.int32)[:, None], "known": known}


def split_events(events: np.ndarray, length: int) -> Iterator[np.ndarray]:
    """Symbols [N] in stretches of `length`, the last one shorter."""
    for start in range(0, len(events), length):
        yield events[start : start + length]


def held_segments(
    vocabulary: EventCodec, events: np.ndarray, length: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(symbols that begin what sounds there, symbols), together `length`, the last ones fewer."""
    start = 0
    while start < len(events):
        begun = vocabulary.sounding(events[:start])[: length // 2]
        segment = events[start : start + length - len(begun)]
        yield begun, segment
        start += len(segment)
