"""Tunes played by a generator of single notes, chunk by chunk, with its timbre on the move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.objectives.base import Request

_ATTACK, _RELEASE = 0.010, 0.3  # seconds of the ramps, GANSynth's own
_LOUDEST = 0.5  # of full scale, that all notes which sound together reach at most
# (onsets in s, pitches) of some notes -> these notes of every voice [count n T]
_Make = Callable[[np.ndarray, np.ndarray], np.ndarray]


def slerp(a: jax.Array, b: jax.Array, place: jax.Array) -> jax.Array:
    """On the arc from a [L] to b [L], 0 to 1 of the way -> [L] (Shoemake 1985)."""
    cosine = jnp.dot(a, b) / (jnp.linalg.norm(a) * jnp.linalg.norm(b))
    angle = jnp.arccos(jnp.clip(cosine, -1 + 1e-6, 1 - 1e-6))
    return (jnp.sin((1 - place) * angle) * a + jnp.sin(place * angle) * b) / jnp.sin(angle)


def check_playable(
    playable: range, pitches: Sequence[int] | np.ndarray
) -> Sequence[int] | np.ndarray:
    """The pitches. raises BadInput where some are not playable."""
    outside = sorted({int(number) for number in pitches if int(number) not in playable})
    if outside:
        listed = ", ".join(str(number) for number in outside[:5])
        raise BadInput(
            f"pitch {listed}: this model plays MIDI pitches {playable[0]} to {playable[-1]}; "
            "transpose the tune"
        )
    return pitches


def play_melody(
    make: _Make, request: Request, rate: int, longest: int, together: int
) -> Iterator[np.ndarray]:
    """Chunks [count t 1] of the notes of `request`, each as loud as its velocity says.

    longest: samples that a note lasts at most; held longer it ends there. together: notes that
    `make` is asked for at once. Notes are made as they are needed: memory does not grow.
    """
    notes = request.notes
    order = np.argsort(notes["onset"], kind="stable")
    onsets, pitches = (np.asarray(notes[name])[order] for name in ("onset", "pitch"))
    starts = np.round(onsets.astype(np.float64) * rate).astype(int)
    held = np.asarray(notes["offset"])[order].astype(np.float64) - onsets
    envelopes = [envelope(time, rate, longest) for time in held]
    gains = _LOUDEST * np.asarray(notes["velocity"])[order] / 127 / polyphony(starts, envelopes)
    sounding: list[tuple[int, np.ndarray]] = []
    done = 0
    for first in range(0, request.length, request.chunk):
        end = min(first + request.chunk, request.length)
        while done < len(starts) and starts[done] < end:
            some = slice(done, done + together)
            made = make(onsets[some], pitches[some])
            for place in range(made.shape[1]):
                shape = envelopes[done + place]
                note = _loudest(made[:, place, : len(shape)] * shape)
                sounding.append((int(starts[done + place]), gains[done + place] * note))
            done += made.shape[1]
        chunk = np.zeros((request.count, end - first), np.float32)
        for start, note in sounding:
            begin, stop = max(start, first), min(start + note.shape[1], end)
            if begin < stop:
                chunk[:, begin - first : stop - first] += note[:, begin - start : stop - start]
        sounding = [(start, note) for start, note in sounding if start + note.shape[1] > end]
        yield np.clip(chunk, -1, 1)[..., None]


def envelope(held: float, rate: int, longest: int) -> np.ndarray:
    """Level [t] of a note: a short rise, held, and a fall that ends within `longest` samples."""
    fall = min(round(_RELEASE * rate), longest // 2)
    level = min(max(round(held * rate), 1), longest - fall)
    rise = min(round(_ATTACK * rate), level)
    shape = np.ones(level + fall, np.float32)
    shape[:rise] = np.linspace(0, 1, rise)
    shape[level:] = np.linspace(1, 0, fall)
    return shape


def _loudest(notes: np.ndarray) -> np.ndarray:
    """Notes [count t] at full scale; silence stays."""
    peak = np.abs(notes).max(1, keepdims=True)
    return notes / np.where(peak > 0, peak, 1)


def polyphony(starts: np.ndarray, envelopes: Sequence[np.ndarray]) -> int:
    """The most notes that sound at one time."""
    ends = starts + np.array([len(shape) for shape in envelopes])
    changes = sorted([(start, 1) for start in starts] + [(end, -1) for end in ends])
    return int(np.max(np.cumsum([change for _, change in changes])))
