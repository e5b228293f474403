"""Scores on an even grid: the voices of a step in turn, a pitch each. steps <-> [N] int32.

Bach's chorales at sixteenths as Music Transformer and Coconet have them: soprano, alto, tenor, bass
of the first step, then of the second. A symbol is a pitch, or the first one, silence. Two equal
pitches in turn are one longer note: the published files do not say more.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from zoo.data.note_rolls import Notes
from zoo.data.source import Example
from zoo.errors import BadInput

VELOCITY = 90


@dataclass(frozen=True)
class Grid:
    """Symbols: silence, then the pitches lowest..highest. seconds_per_step: as they are played."""

    lowest: int = 36
    highest: int = 81
    voices: int = 4
    seconds_per_step: float = 0.15

    @property
    def count(self) -> int:
        return self.highest - self.lowest + 2

    def seconds(self, events: np.ndarray) -> float:
        """How long the whole steps in events [N] last."""
        return len(events) // self.voices * self.seconds_per_step

    def begun(self, events: np.ndarray) -> int:
        """How many notes the published scores divide by: every symbol is one."""
        return len(events)

    def sequence(self, record: Example) -> np.ndarray:
        """The events [N] of a record with `voices` [T V] of pitches, -1 where one is silent."""
        return self._symbols(np.asarray(record["voices"]))

    def sounding(self, events: np.ndarray) -> np.ndarray:
        """Nothing [0]: each step says anew what sounds."""
        return np.zeros(0, np.int32)

    def encode(self, notes: Notes) -> np.ndarray:
        """Notes {onset, offset (s), pitch, velocity} [n] -> events [N].

        At each step the highest pitches that sound, in falling order, as many as there are voices.
        """
        first, last = (
            np.round(np.asarray(notes[name], np.float64) / self.seconds_per_step).astype(int)
            for name in ("onset", "offset")
        )
        last = np.maximum(last, first + 1)
        sounding: list[set[int]] = [set() for _ in range(int(last.max(initial=0)))]
        for begin, end, pitch in zip(first, last, np.asarray(notes["pitch"]).tolist()):
            if self.lowest <= pitch <= self.highest:
                for step in sounding[max(begin, 0) : end]:
                    step.add(pitch)
        steps = np.full((len(sounding), self.voices), -1)
        for row, pitches in zip(steps, sounding):
            chosen = sorted(pitches, reverse=True)[: self.voices]
            row[: len(chosen)] = chosen
        return self._symbols(steps)

    def decode(self, events: np.ndarray) -> Notes:
        """Events [N] -> notes in order of onset; a step that is not whole is left out.

        raises BadInput for a symbol that there is not.
        """
        events = np.asarray(events)
        if events.size and not 0 <= events.min() <= events.max() < self.count:
            raise BadInput(f"events {events.min()} to {events.max()}: give 0 to {self.count - 1}")
        steps = events[: len(events) // self.voices * self.voices].reshape(-1, self.voices)
        rows = [run for voice in steps.T for run in _runs(voice)]
        rows.sort()
        table = np.array(rows, np.float64).reshape(-1, 3)
        times = (table[:, :2] * self.seconds_per_step).astype(np.float32)
        pitch = (table[:, 2] + self.lowest - 1).astype(np.int32)
        velocity = np.full(len(table), VELOCITY, np.int32)
        return {"onset": times[:, 0], "offset": times[:, 1], "pitch": pitch, "velocity": velocity}

    def _symbols(self, steps: np.ndarray) -> np.ndarray:
        sounds = (steps >= self.lowest) & (steps <= self.highest)
        return np.where(sounds, steps - self.lowest + 1, 0).astype(np.int32).reshape(-1)


def _runs(voice: np.ndarray) -> list[tuple[int, int, int]]:
    """(first step, the step after the last, symbol) of each stretch of one pitch in a voice [T]."""
    if not len(voice):
        return []
    edges = [0, *(np.flatnonzero(np.diff(voice)) + 1).tolist(), len(voice)]
    spans = pairwise(edges)
    return [(begin, end, int(voice[begin])) for begin, end in spans if voice[begin]]
