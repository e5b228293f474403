"""Notes as the state of a piano's keys over time, what a synthesiser follows.

Hawthorne et al. 2019 (MAESTRO): at 250 Hz the velocity of each key as long as it is down or held by
the pedal, else 0, [F 88]. A key that is struck again as soon as it was released looks held there;
`struck_roll` says beside each velocity how long ago the stroke was, [F 176].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from zoo.data.note_rolls import Notes
from zoo.data.source import Example
from zoo.tuning import LOWEST_KEY, PIANO_KEYS

Roll = Callable[[Notes, int, float], np.ndarray]  # notes, frames, seconds of one -> [F ...]
_FULL = 127  # MIDI's largest velocity


def held_roll(notes: Notes, frames: int, seconds_per_frame: float) -> np.ndarray:
    """Velocities [F 88] uint8 while notes sound, 0 elsewhere; keys a piano lacks are left out.

    Frame f is the time from f x seconds_per_frame on; a note lasts one frame at least.
    """
    roll = np.zeros((frames, PIANO_KEYS), np.uint8)
    for place, number in _places(notes, frames, seconds_per_frame):
        roll[place] = notes["velocity"][number]
    return roll


def struck_roll(notes: Notes, frames: int, seconds_per_frame: float) -> np.ndarray:
    """Shares of full velocity, and seconds from the stroke to each frame, [F 2 x 88] float32.

    Both are 0 where a key is not held. A stroke between two frames may lie after the nearest, which
    then is less than 0 s from it.
    """
    velocity, age = np.zeros((2, frames, PIANO_KEYS), np.float32)
    times = seconds_per_frame * np.arange(frames)
    for place, number in _places(notes, frames, seconds_per_frame):
        velocity[place] = notes["velocity"][number] / _FULL
        age[place] = times[place[0]] - float(notes["onset"][number])
    return np.concatenate([velocity, age], axis=1)


def _places(
    notes: Notes, frames: int, seconds_per_frame: float
) -> Iterator[tuple[tuple[slice, int], int]]:
    """(where in a roll it is held, which it is) of each note of a piano's keys, in their order."""
    onset, offset = (np.asarray(notes[name], np.float64) for name in ("onset", "offset"))
    first = np.floor(onset / seconds_per_frame + 0.5).astype(int)
    last = np.maximum(np.floor(offset / seconds_per_frame + 0.5).astype(int), first + 1)
    keys = np.asarray(notes["pitch"], int) - LOWEST_KEY
    for number, (begin, end, key) in enumerate(zip(first, last, keys)):
        if 0 <= key < PIANO_KEYS and end > 0:
            yield (slice(max(begin, 0), min(end, frames)), key), number


@dataclass(frozen=True)
class HeldRoll:
    """notes -> `roll` [F ...] of as many frames as the audio has whole hops.

    rate: Hz. made: `held_roll` or `struck_roll`.
    """

    hop: int = 64
    rate: int = 16_000
    made: Roll = held_roll

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        frames = len(example["audio"]) // self.hop
        rest = {key: value for key, value in example.items() if key != "notes"}
        return {**rest, "roll": self.made(example["notes"], frames, self.hop / self.rate)}
