"""Random crops of whole tracks: every start position is as likely as any other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import numpy as np

from zoo.data.source import Example
from zoo.data.tracks import Track, Tracked, blank_like, tracked

STATISTICS = ("mean", "deviation", "peak")
_LONGEST = 2**31 - 1  # samples


@dataclass(frozen=True)
class TrackCrop:
    """A random window of `samples` of a track.

    It begins at a multiple of `hop`, counted from -context: so far before the first sample and
    behind the last one may it reach, where zeros stand; a negative context leaves out the ends of
    the tracks. Tracks shorter than a window are filled up with zeros.
    draw: 'window': every window of all tracks once in a pass, so that long tracks come more often;
    'track': every track once in a pass, with a window drawn anew.
    stagger: every stem begins up to so many samples less one later, each by itself.
    The example gets `mean`, `deviation` and `peak`, float32, of its whole track.
    """

    samples: int
    context: int = 0
    hop: int = 1
    stagger: int = 0
    draw: Literal["window", "track"] = "track"

    def __post_init__(self) -> None:
        if self.samples > _LONGEST:
            raise OverflowError(f"its crops are of more than {_LONGEST:,} samples")

    def windows(self, track: Track) -> int:
        """How many windows a track has, one at least."""
        return max(0, self._room(track) // self.hop) + 1

    def start(self, track: Track, number: int) -> int:
        """Where a window of a track begins, below 0 before its first sample."""
        return number * self.hop - self.context if self._room(track) >= 0 else 0

    def _room(self, track: Track) -> int:
        return track.samples + 2 * self.context - self.samples - self.stagger

    def blank(self, example: Example) -> Example:
        """A crop of a source's example of zeros."""
        return {**example, **blank_like(example, self.samples), **_statistics(0.0, 0.0, 0.0)}


@dataclass(frozen=True)
class Crops:
    """The crops of all tracks of a split; `len` of them make a pass. Cheap to pickle."""

    records: Tracked
    crop: TrackCrop
    tracks: tuple[Track, ...]
    ends: tuple[int, ...]  # of each track's windows, counted over all tracks

    def __len__(self) -> int:
        return len(self.tracks) if self.crop.draw == "track" else self.distinct

    @property
    def distinct(self) -> int:
        """How many windows there are."""
        return max(self.ends, default=0)

    def draw(self, number: int, rng: np.random.Generator, into: Example | None = None) -> Example:
        """The crop of a number below `len`, with what is random about it; see `window` on into."""
        if self.crop.draw == "track":
            track = self.tracks[number]
            nth = int(rng.integers(self.crop.windows(track)))
        else:
            place = bisect_right(self.ends, number)
            track = self.tracks[place]
            nth = number - (self.ends[place - 1] if place else 0)
        return self._at(track, self.crop.start(track, nth), self.crop.stagger, rng, into)

    def in_order(self) -> Iterator[Example]:
        """Every track once, as windows side by side; the last is filled up with zeros."""
        rng = np.random.default_rng(0)  # of which nothing is drawn
        for track in self.tracks:
            for start in range(0, track.samples, self.crop.samples):
                yield self._at(track, start, 0, rng)

    def _at(
        self,
        track: Track,
        start: int,
        stagger: int,
        rng: np.random.Generator,
        into: Example | None = None,
    ) -> Example:
        example = self.records.window(track, start, self.crop.samples, stagger, rng, into)
        return {**example, **_statistics(track.mean, track.deviation, track.peak)}


def crops(records: Sequence[Example], crop: TrackCrop) -> Crops:
    """The crops of records. raises BadInput where these do not say where their tracks lie."""
    found = tracked(records)
    tracks = found.track_index()
    return Crops(found, crop, tracks, tuple(accumulate(map(crop.windows, tracks))))


def _statistics(*values: float) -> Example:
    return {key: np.float32(value) for key, value in zip(STATISTICS, values)}
