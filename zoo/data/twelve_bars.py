"""Twelve bars of blues in C, of bars of our own, and such rolls as notes.

As Eck and Schmidhuber 2002 have it: the chords are always the same, each bar's melody is one of two
that fit its chord, so there are 2^12 choruses; eight steps a bar. A record is two choruses after
one silent step: `roll` [193 25] uint8, 12 pitch classes of the chord and the 13 semitones of C to
C, of which melodies take the minor pentatonic scale. Nothing is read from disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.events import USUAL
from zoo.data.note_rolls import Notes
from zoo.data.source import Example, Info

_PAPER = "https://doi.org/10.1007/3-540-46084-5_47"
_BARS, _STEPS = 12, 8
_KEYS = 12 + 13
CHORD_OF_BAR = "CCCCFFCCGFCG"
_CHORDS = {"C": (0, 4, 7, 10), "F": (5, 9, 0, 3), "G": (7, 11, 2, 5)}  # sevenths
MELODIES = {
    "C": ((0, 3, 5, 7, 7, 5, 3, 0), (7, 10, 12, 10, 7, 5, 3, 5)),
    "F": ((5, 5, 3, 5, 7, 10, 7, 5), (12, 10, 7, 5, 3, 3, 5, 0)),
    "G": ((7, 7, 10, 7, 5, 3, 5, 7), (10, 12, 10, 7, 10, 7, 5, 3)),
}
CHORUSES = 2
_COUNTS = {"train": 1024, "validation": 32, "test": 64}


def chorus(choices: int) -> np.ndarray:
    """The chorus [96 25] whose bar b has the melody that bit b of `choices` says."""
    roll = np.zeros((_BARS * _STEPS, _KEYS), np.uint8)
    for bar, chord in enumerate(CHORD_OF_BAR):
        here = roll[bar * _STEPS : (bar + 1) * _STEPS]
        here[:, list(_CHORDS[chord])] = 1
        melody = np.array(MELODIES[chord][choices >> bar & 1])
        here[np.arange(_STEPS), 12 + melody] = 1
    return roll


@dataclass(frozen=True)
class TwelveBars:
    """The Source. No chorus of training is in validation or test."""

    sample_rate: int = 16_000

    @property
    def info(self) -> Info:
        return Info("twelve_bars", self.sample_rate, _KEYS, (), "our own", _PAPER, kind="notes")

    def blank(self) -> Example:
        roll = np.zeros((1 + CHORUSES * _BARS * _STEPS, _KEYS), np.uint8)
        return {"track": "", "chunk": 0, "roll": roll, "known": np.ones(len(roll), np.uint8)}

    def prepare(self) -> None:
        """Nothing is to be prepared."""

    def open(self, split: str) -> Sequence[Example]:
        order = np.random.default_rng(0).permutation(2**_BARS)
        first = 0
        for name, count in _COUNTS.items():
            if name == split:
                break
            first += CHORUSES * count
        chosen = order[first : first + CHORUSES * _COUNTS[split]].reshape(-1, CHORUSES)
        return [self._record(row.tolist()) for row in chosen]

    def _record(self, choices: list[int]) -> Example:
        silent = np.zeros((1, _KEYS), np.uint8)
        roll = np.concatenate([silent, *(chorus(choice) for choice in choices)])
        track = "-".join(f"{choice:04d}" for choice in choices)
        return {**self.blank(), "track": track, "roll": roll}


@dataclass(frozen=True)
class BluesNotes:
    """Steps [T 25] -> notes; seconds: of a step. lowest: MIDI pitch of the melody's first unit."""

    seconds: float = 0.25
    lowest: int = 60

    def decode(self, steps: np.ndarray) -> Notes:
        """Equal steps in turn are one note; chords, an octave below, are struck in every bar."""
        rows = []
        for key, column in enumerate(steps.T > 0):
            pitch = self.lowest + key - 12
            edges = np.flatnonzero(np.diff(np.concatenate([[0], column, [0]]).astype(int)))
            for begin, end in edges.reshape(-1, 2).tolist():
                starts = [begin] if key >= 12 else _bars(begin, end)
                rows += [(start, stop, pitch) for start, stop in zip(starts, [*starts[1:], end])]
        table = np.array(sorted(rows), np.float32).reshape(-1, 3)
        times = table[:, :2] * np.float32(self.seconds)
        loud = np.where(table[:, 2] < self.lowest, USUAL - 30, USUAL)
        numbers = {"pitch": table[:, 2].astype(np.int32), "velocity": loud.astype(np.int32)}
        return {"onset": times[:, 0], "offset": times[:, 1], **numbers}


def _bars(begin: int, end: int) -> list[int]:
    """`begin` and the first steps of the bars between it and `end`."""
    return [begin, *range((begin // _STEPS + 1) * _STEPS, end, _STEPS)]
