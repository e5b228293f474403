"""Gates by loudness of the input: means in bins of level, and correlations."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

_QUIETEST, _STEP = -80.0, 5.0  # dB; what is quieter counts as silence and is left out
_BINS = int(-_QUIETEST / _STEP) + 1


def rms_decibels(segment: np.ndarray) -> float:
    """RMS of [T C] in dB, 0 for a square wave of full scale; -inf for silence."""
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(np.mean(np.square(segment, dtype=np.float64))))


@dataclass
class ByLoudness:
    """Running sums over segments of one layer's gates [C]; nothing grows with their number."""

    channels: int
    counts: np.ndarray = field(init=False)  # [bins]
    binned: np.ndarray = field(init=False)  # [bins C] sums
    level: np.ndarray = field(init=False)  # sums of dB and of its square
    gates: np.ndarray = field(init=False)  # [3, C + 1] sums of g, g^2, g dB; last: channels' mean

    def __post_init__(self) -> None:
        self.counts, self.level = np.zeros(_BINS, int), np.zeros(2)
        self.binned, self.gates = np.zeros((_BINS, self.channels)), np.zeros((3, self.channels + 1))

    def add(self, gates: np.ndarray, level: float) -> None:
        if level < _QUIETEST:
            return
        place = min(int((level - _QUIETEST) // _STEP), _BINS - 1)
        self.counts[place] += 1
        self.binned[place] += gates
        self.level += level, level**2
        every = np.append(gates, gates.mean()).astype(np.float64)
        self.gates += every, every**2, every * level

    @property
    def filled(self) -> np.ndarray:
        return np.flatnonzero(self.counts)

    @property
    def middles(self) -> np.ndarray:
        """dB in the middle of the bins that have segments."""
        return _QUIETEST + _STEP * (self.filled + 0.5)

    @property
    def means(self) -> np.ndarray:
        """[bins C] of the bins that have segments."""
        return self.binned[self.filled] / self.counts[self.filled, None]

    @property
    def correlations(self) -> np.ndarray:
        """[C + 1], each channel with dB and last the mean of all; 0 where either never moves."""
        count = max(self.counts.sum(), 1)
        level, level_square = self.level / count
        gate, gate_square, product = self.gates / count
        spread = np.sqrt(np.maximum(gate_square - gate**2, 0) * max(level_square - level**2, 0))
        moves = spread > 1e-9
        return np.where(moves, (product - gate * level) / np.where(moves, spread, 1), 0.0)
