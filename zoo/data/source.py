"""The protocol of data sets: named, licensed, random-access records of int16 PCM."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, overload

Example = dict[str, Any]


@dataclass(frozen=True)
class Info:
    """Facts of a data set that travel with every checkpoint trained on it.

    kind: 'audio'; 'notes' where records are music as symbols, sample_rate being that at which it is
    played; 'rolls' of steps.
    """

    name: str
    sample_rate: int  # Hz; 1 where a record's steps have no seconds (scores without a tempo)
    channels: int
    labels: tuple[str, ...]  # tag names or stem names, in the order of the arrays
    licence: str
    url: str
    kind: str = "audio"

    @property
    def form(self) -> str:
        """What the records are, in words: '16,000 Hz mono'."""
        if self.kind == "rolls":
            return "piano rolls"
        if self.kind == "notes":
            return f"notes, played at {self.sample_rate:,} Hz"
        channels = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        return f"{self.sample_rate:,} Hz {channels}"


class RandomAccess(Sequence[Example]):
    """Random access to records: a number gives one, a slice a list of them."""

    @abstractmethod
    def record(self, index: int) -> Example:
        """The record of that number, 0 <= index < len(self)."""

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...

    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self.record(number) for number in range(*index.indices(len(self)))]
        number = operator.index(index)
        if not -len(self) <= number < len(self):
            raise IndexError(f"record {number} of {len(self)}")
        return self.record(number % len(self))


class Source(Protocol):
    """A data set, as a frozen dataclass that touches no disk until `prepare` or `open`.

    Every record holds `track` (str), `chunk` (int) and one or more of
      audio [T C] int16 · stems [S T C] int16 · tags [K] uint8 · known [K] uint8 (1: label is known)
      present [S] uint8 (1: this stem plays somewhere in the track; without it: those that sound)
      pitch, velocity, family, preset (int) · notes {onset, offset (s), pitch, velocity} [n]
      roll [T 88] uint8 (piano roll) · voices [T V] int16 (pitches, -1: silent)
      text (str), what is said in it
    """

    @property
    def info(self) -> Info: ...

    def __hash__(self) -> int: ...

    def blank(self) -> Example:
        """A record of zeros with the keys, shapes and types of the real ones; needs no disk."""

    def prepare(self) -> None:
        """Builds the records where they are missing, with a progress bar; else does nothing."""

    def open(self, split: str) -> Sequence[Example]:
        """Random access to 'train', 'validation' or 'test'. BadInput when damaged."""
