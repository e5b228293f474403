"""A data set with each record's sound through a known amplifier beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import lfilter

from zoo.data.records import to_int16
from zoo.data.source import Example, Info, RandomAccess, Source


@dataclass(frozen=True)
class Amplified:
    """The records of a mono source, whose one stem is what `amplified` makes of their audio."""

    source: Source
    drive: float = 12.0

    @property
    def info(self) -> Info:
        return replace(self.source.info, labels=("wet",))

    def blank(self) -> Example:
        blank = self.source.blank()
        return {**blank, "stems": np.zeros((1, *blank["audio"].shape), np.int16)}

    def prepare(self) -> None:
        self.source.prepare()

    def open(self, split: str) -> Sequence[Example]:
        return _WithWet(self.source.open(split), self.info.sample_rate, self.drive)


@dataclass(frozen=True)
class _WithWet(RandomAccess):
    """Records with the stem that `amplified` makes of their audio."""

    records: Sequence[Example]
    rate: int
    drive: float

    def __len__(self) -> int:
        return len(self.records)

    def record(self, index: int) -> Example:
        record = self.records[index]
        dry = np.asarray(record["audio"])[:, 0] / 32768
        wet = to_int16(amplified(dry, self.rate, self.drive))
        return {**record, "stems": wet[None, :, None]}


def amplified(dry: np.ndarray, rate: int, drive: float) -> np.ndarray:
    """A stage of a valve amplifier, [T] -> [T]: bass is cut, `drive` times tanh, treble is cut.

    The tanh has a bias, so that even harmonics come along; one pole at 150 Hz before it, one at
    4 kHz behind it.
    """
    bias = 0.3
    bright = dry - _one_pole(dry, 150.0, rate)
    bent = np.tanh(drive * bright + bias) - np.tanh(bias)
    return 0.5 * _one_pole(bent, 4000.0, rate)


def _one_pole(x: np.ndarray, hertz: float, rate: int) -> np.ndarray:
    """Low-pass of the first order, [T] -> [T], 1 at 0 Hz."""
    kept = np.exp(-2 * np.pi * hertz / rate)
    return lfilter([1 - kept], [1, -kept], x)
