"""Transforms of records that come with their pitch: targets of estimators, parts of the audio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.source import Example

_BINS = 360
_LOWEST = 1997.3794084376191  # cents above 10 Hz of the first bin, a C1


@dataclass(frozen=True)
class PitchTarget:
    """pitch (a MIDI number) -> `salience` [K] float32: a Gaussian of 25 cents over 20-cent bins.

    CREPE (Kim et al. 2018); the same as `zoo.signal.pitch.pitch_target`, which a test holds it to.
    """

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        cents = 100.0 * (float(example["pitch"]) - 69) + 1200 * np.log2(44.0)
        distance = _LOWEST + 20.0 * np.arange(_BINS) - cents
        return {**example, "salience": np.exp(-np.square(distance / 25) / 2).astype(np.float32)}


@dataclass(frozen=True)
class Span:
    """The samples from `start` to `stop` of audio [T C]."""

    start: int
    stop: int

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        return {**example, "audio": example["audio"][self.start : self.stop]}
