"""Sopranos of a few embedded chorales in slices of an eighth note, and slices as notes.

A record is a melody: `plan` [M] with a one at its number, `slices` [T 15] float32: 14 semitones
from its lowest note on, one of which is 1 while it sounds, and a last unit that is 1 where a note
begins. All splits are the same melodies: they are to be learnt by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.events import USUAL
from zoo.data.note_rolls import Notes
from zoo.data.records import data_dir
from zoo.data.score_render.score_notes import LICENCE
from zoo.data.score_render.scores import Piece, cached_pieces
from zoo.data.source import Example, Info

MELODY_PITCHES = 14
EIGHTH = 0.5  # quarters


@dataclass(frozen=True)
class EighthSlices:
    """Slices [T K] <-> notes. lowest: MIDI pitch of the first unit. seconds: of a slice."""

    lowest: int = 60
    seconds: float = 0.25

    def decode(self, slices: np.ndarray) -> Notes:
        """A note begins with its flag or another pitch, and lasts until the next or a rest."""
        pitches, flags = slices[:, :-1], slices[:, -1] > 0.5
        keys = np.where(pitches.max(1) > 0.5, pitches.argmax(1), -1)
        rows: list[list[float]] = []
        before = -1
        for at, (key, flag) in enumerate(zip(keys.tolist(), flags.tolist())):
            if key >= 0 and (flag or key != before):
                rows.append([at, at + 1, key + self.lowest])
            elif key >= 0:
                rows[-1][1] = at + 1
            before = key
        onset, offset, pitch = np.array(rows, np.float32).reshape(-1, 3).T
        times = {"onset": onset * np.float32(self.seconds)}
        times["offset"] = offset * np.float32(self.seconds)
        velocity = np.full(len(rows), USUAL, np.int32)
        return {**times, "pitch": pitch.astype(np.int32), "velocity": velocity}


@dataclass(frozen=True)
class Melodies:
    """The Source: the first `count` sopranos, in order of name, that stay within 14 semitones."""

    count: int = 3
    length: int = 32
    sample_rate: int = 16_000

    @property
    def info(self) -> Info:
        url = "https://github.com/cuthbertLab/music21"
        name = f"scores/melodies-{self.count}"
        return Info(name, self.sample_rate, 1, (), LICENCE, url, kind="notes")

    def blank(self) -> Example:
        slices = np.zeros((self.length, MELODY_PITCHES + 1), np.float32)
        return {"track": "", "chunk": 0, "plan": np.zeros(self.count, np.float32), "slices": slices}

    def prepare(self) -> None:
        """Reads the scores where that is not done, which takes some seconds."""
        cached_pieces(data_dir() / "score_render_work")

    def open(self, split: str) -> Sequence[Example]:
        pieces = cached_pieces(data_dir() / "score_render_work")
        chorales = (piece for piece in pieces if piece.repertoire == "chorale")
        made = ((piece.name, sliced(piece, self.length)) for piece in chorales)
        found = [(name, slices) for name, slices in made if slices is not None][: self.count]
        plans = np.eye(self.count, dtype=np.float32)
        return [
            {"track": name, "chunk": 0, "plan": plan, "slices": slices}
            for plan, (name, slices) in zip(plans, found)
        ]


def sliced(piece: Piece, length: int) -> np.ndarray | None:
    """The highest part's first `length` eighths [length 15]; None if it is short or too wide."""
    part = max(piece.parts, key=lambda own: own[:, 2].mean())
    first = np.round(part[:, 0] / EIGHTH).astype(int)
    last = np.maximum(np.round((part[:, 0] + part[:, 1]) / EIGHTH).astype(int), first + 1)
    here = first < length
    lowest = part[here, 2].min(initial=127)
    keys = (part[:, 2] - lowest).astype(int)
    if last.max() < length or keys[here].max(initial=0) >= MELODY_PITCHES:
        return None
    slices = np.zeros((length, MELODY_PITCHES + 1), np.float32)
    for begin, end, key in zip(first[here], last[here], keys[here]):
        slices[begin:end, :-1] = 0
        slices[begin:end, key] = 1
        slices[begin, -1] = 1
    return slices
