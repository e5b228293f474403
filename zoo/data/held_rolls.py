"""Notes as the state of a piano's keys over time [F 88], what a synthesiser follows.

Hawthorne et al. 2019 (MAESTRO): at 250 Hz the velocity of each key as long as it is down or held by
the pedal, else 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.note_rolls import KEYS, LOWEST, Notes
from zoo.data.source import Example


def held(notes: Notes, frames: int, seconds_per_frame: float) -> np.ndarray:
    """Velocities [F 88] uint8 while notes sound, 0 elsewhere; keys a piano lacks are left out.

    Frame f is the time from f x seconds_per_frame on; a note lasts one frame at least.
    """
    roll = np.zeros((frames, KEYS), np.uint8)
    onset, offset = (np.asarray(notes[name], np.float64) for name in ("onset", "offset"))
    first = np.floor(onset / seconds_per_frame + 0.5).astype(int)
    last = np.maximum(np.floor(offset / seconds_per_frame + 0.5).astype(int), first + 1)
    keys = np.asarray(notes["pitch"], int) - LOWEST
    for begin, end, key, velocity in zip(first, last, keys, notes["velocity"]):
        if 0 <= key < KEYS and end > 0:
            roll[max(begin, 0) : end, key] = velocity
    return roll


@dataclass(frozen=True)
class HeldRoll:
    """notes -> `roll` [F 88] uint8 of as many frames as the audio has whole hops."""

    hop: int = 64
    rate: int = 16_000

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        frames = len(example["audio"]) // self.hop
        rest = {key: value for key, value in example.items() if key != "notes"}
        return {**rest, "roll": held(example["notes"], frames, self.hop / self.rate)}
