"""Programme loudness of audio of any length, ITU-R BS.1770-4: blocks [n C] -> LUFS.

Two biquads weight the spectrum, channels are summed in power, and quiet stretches are left out by
two gates. The biquads are the standard's, which gives them for 48 kHz, designed at any rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

OFFSET = -0.691  # LUFS of a mean square of one
ABSOLUTE, _RELATIVE = -70.0, -10.0  # gates: LUFS, and LU below what passes the first
_STEPS = 4  # of 100 ms in a block of 400 ms
SURROUND = (
    1.41  # weight of what stands behind the listener in 5.1, whose fourth channel is left out
)


@dataclass(frozen=True)
class _Level:
    """loudness: LUFS, -inf of silence. peak: the largest sample."""

    loudness: float
    peak: float

    @property
    def audible(self) -> bool:
        return self.loudness > ABSOLUTE


def measured(blocks: Iterable[np.ndarray], rate: int) -> _Level:
    """Loudness and peak of a song [n C], in constant memory but for ten numbers a second."""
    from scipy.signal import sosfilt

    sections, step = weighting(rate), max(1, round(rate / 10))
    state: np.ndarray | None = None
    powers: list[np.ndarray] = []
    left, peak = np.zeros(0), 0.0
    for block in blocks:
        if state is None:
            state = np.zeros((len(sections), 2, block.shape[1]))
        weighted, state = sosfilt(sections, block.astype(np.float64), axis=0, zi=state)
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        power = np.concatenate([left, (weighted**2) @ _channel_weights(block.shape[1])])
        whole = len(power) // step * step
        powers.append(power[:whole].reshape(-1, step).mean(1))
        left = power[whole:]
    steps = np.concatenate([*powers, np.zeros(0)])
    if len(steps) < _STEPS:  # shorter than a block: all of it is one
        total = steps.sum() * step + left.sum()
        steps = np.full(_STEPS, total / max(len(steps) * step + len(left), 1))
    return _Level(_gated(steps), peak)


def _gated(steps: np.ndarray) -> float:
    """LUFS of the mean squares [n] of consecutive tenths of a second."""
    power = np.convolve(steps, np.full(_STEPS, 1 / _STEPS), "valid")
    loud = power[_decibels(power) > ABSOLUTE]
    if not len(loud):
        return -np.inf
    passed = loud[_decibels(loud) > _decibels(loud.mean()) + _RELATIVE]
    return float(_decibels(passed.mean()))


def _decibels(power: np.ndarray) -> np.ndarray:
    return OFFSET + 10 * np.log10(np.maximum(power, 1e-30))


def _channel_weights(channels: int) -> np.ndarray:
    """[C]: what the power of each channel counts; 5.1 as L, R, C, LFE, Ls, Rs."""
    weights = np.ones(channels)
    if channels == 6:
        weights[3:] = (0.0, SURROUND, SURROUND)
    return weights


def weighting(rate: int) -> np.ndarray:
    """Second-order sections [2 6] of the K-weighting: a shelf for the head, then a high-pass."""
    k, gain = np.tan(np.pi * 1681.974450955533 / rate), 10 ** (3.999843853973347 / 20)
    middle, q = gain**0.4996667741545416, 0.7071752369554196
    scale = 1 + k / q + k**2
    shelf = [
        (gain + middle * k / q + k**2) / scale,
        2 * (k**2 - gain) / scale,
        (gain - middle * k / q + k**2) / scale,
    ]
    poles = [1.0, 2 * (k**2 - 1) / scale, (1 - k / q + k**2) / scale]
    k, q = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    scale = 1 + k / q + k**2
    low = [1.0, -2.0, 1.0, 1.0, 2 * (k**2 - 1) / scale, (1 - k / q + k**2) / scale]
    return np.array([[*shelf, *poles], low])
