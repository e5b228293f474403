"""How far a rendered note sounds from its label: pitch by autocorrelation.

The normalised square difference of McLeod and Wyvill ("A smarter way to find pitch", ICMC 2005) on
a lag axis four times as fine as the samples: the first lag that explains nearly as much as the best
one is the period.
"""

from __future__ import annotations

import numpy as np

FINER = 4  # points of the lag axis for each sample
NEARLY = 0.93  # of the best lag's height, which the first good one must reach
_LOWEST, _HIGHEST = 12.0, 2600.0  # Hz


def _period(note: np.ndarray, rate: int) -> float:
    """Seconds [T] -> s after which a sound repeats; NaN where it never does."""
    size = 1 << (2 * len(note) - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(note.astype(np.float64), size)) ** 2
    lags = np.arange(min(len(note) // 2, int(rate / _LOWEST)) * FINER) / FINER
    products = FINER * np.fft.irfft(spectrum, FINER * size)[: len(lags)]
    energy = np.concatenate([[0.0], np.cumsum(note.astype(np.float64) ** 2)])
    left = np.interp(len(note) - lags, np.arange(len(energy)), energy)
    right = energy[-1] - np.interp(lags, np.arange(len(energy)), energy)
    alike = 2 * products / np.maximum(left + right, 1e-12)
    below = np.flatnonzero(alike < 0)
    start = max(below[0] if len(below) else 0, int(FINER * rate / _HIGHEST))
    middle = alike[1:-1]
    peaks = 1 + np.flatnonzero((middle > alike[:-2]) & (middle >= alike[2:]))
    peaks = peaks[peaks >= start]
    if not len(peaks):
        return np.nan
    good = peaks[alike[peaks] >= NEARLY * alike[peaks].max()]
    return float(lags[good[0]] / rate)


def semitones_off(note: np.ndarray, rate: int, key: int) -> float:
    """How many semitones a note [T] sounds above the MIDI key that it is labelled with."""
    return -12 * np.log2(_period(note, rate) * 440) - (key - 69)
