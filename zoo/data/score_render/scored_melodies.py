"""Stretches of the embedded chorales' sopranos, some of them spoilt, with a score of how much.

A record is `slices` [T 15] of eighths, as zoo/data/score_render/melodies.py has them; the splits
are those of the rendered sets. A score is the share of slices that are as the composer wrote them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.records import data_dir
from zoo.data.score_render.melodies import EIGHTH, MELODY_PITCHES
from zoo.data.score_render.melody_split import split_pieces
from zoo.data.score_render.score_notes import LICENCE
from zoo.data.score_render.scores import cached_pieces
from zoo.data.source import Example, Info

_HOP = 8  # slices between the beginnings of two stretches: a bar
AGAIN = 0.6  # chance that a note begins in a spoilt slice, about that of a chorale


@dataclass(frozen=True)
class ScoredMelodies:
    """The Source. length: slices of a stretch, which spans 14 semitones at most, without rests."""

    length: int = 16
    sample_rate: int = 16_000

    @property
    def info(self) -> Info:
        url = "https://github.com/cuthbertLab/music21"
        return Info("scores/sopranos", self.sample_rate, 1, (), LICENCE, url, kind="notes")

    def blank(self) -> Example:
        slices = np.zeros((self.length, MELODY_PITCHES + 1), np.float32)
        return {"track": "", "chunk": 0, "slices": slices}

    def prepare(self) -> None:
        """Reads the scores where that is not done, which takes some seconds."""
        cached_pieces(data_dir() / "score_render_work")

    def open(self, split: str) -> Sequence[Example]:
        chosen = split_pieces(cached_pieces(data_dir() / "score_render_work"))[split]
        chorales = (piece for piece in chosen if piece.repertoire == "chorale")
        return [
            {"track": piece.name, "chunk": number, "slices": slices}
            for piece in chorales
            for number, slices in enumerate(stretches(highest_part(piece.parts), self.length))
        ]


def highest_part(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The part [n 3] of onset, length (quarters) and pitch that is the highest on average."""
    return max(parts, key=lambda own: own[:, 2].mean())


def stretches(part: np.ndarray, length: int) -> list[np.ndarray]:
    """Slices [length 15] of a part, from every bar on."""
    first = np.round(part[:, 0] / EIGHTH).astype(int)
    last = np.maximum(np.round((part[:, 0] + part[:, 1]) / EIGHTH).astype(int), first + 1)
    keys = np.full(int(last.max(initial=0)), -1)
    flags = np.zeros(len(keys), bool)
    for begin, end, pitch in zip(first, last, part[:, 2].astype(int)):
        keys[begin:end] = pitch
        flags[begin] = True
    spans = (slice(at, at + length) for at in range(0, len(keys) - length + 1, _HOP))
    found = [(keys[span], flags[span]) for span in spans]
    return [
        _written(own - own.min(), again)
        for own, again in found
        if own.min() >= 0 and own.max() - own.min() < MELODY_PITCHES
    ]


def _written(keys: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Semitones above the lowest [T] and where notes begin [T] as slices [T 15]."""
    return np.concatenate([np.eye(MELODY_PITCHES)[keys], flags[:, None]], 1).astype(np.float32)


def redraw_slices(rng: np.random.Generator, slices: np.ndarray) -> tuple[np.ndarray, float]:
    """(slices of which some are drawn anew, the share of those that are not)."""
    length = len(slices)
    wrong = rng.permutation(length)[: rng.integers(0, length + 1)]
    drawn = rng.integers(0, MELODY_PITCHES, len(wrong)), rng.random(len(wrong)) < AGAIN
    made = slices.copy()
    made[wrong] = _written(*drawn)
    return made, 1 - len(wrong) / length


@dataclass(frozen=True)
class Spoil:
    """`slices` -> spoilt ones and their `score`, float32."""

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        slices, score = redraw_slices(rng, example["slices"])
        return {**example, "slices": slices, "score": np.float32(score)}
