"""Morlet wavelets and Gaussians as Fourier transforms, designed on the host, -> [T] float64.

Frequencies are in cycles per sample; a width is the standard deviation of a Gaussian there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

WAVELET_WIDTH = 0.1  # of the average over one sample; over n samples it is the n-th part
CROSSING = math.sqrt(0.5)  # where neighbouring wavelets of an octave meet, of their peak
_REACH = 5.0  # widths from its centre beyond which a wavelet counts as nothing
_NOTHING = 1e-9  # of a filter's peak: far below what float32 resolves


@dataclass(frozen=True)
class Wavelet:
    """Centre and width; `octave`: its modulus survives keeping every 2^octave-th sample."""

    centre: float
    width: float

    @property
    def octave(self) -> int:
        return math.floor(-math.log2(min(self.centre + _REACH * self.width, 0.5))) - 1


def bank(octaves: int, per_octave: int) -> list[Wavelet]:
    """Wavelets from the highest down: geometric until as narrow as the last, then even."""
    ratio = 2 ** (1 / per_octave)
    least = WAVELET_WIDTH / 2**octaves
    centre = max(1 / (1 + 2 ** (3 / per_octave)), 0.35)
    width = centre * (ratio - 1) / (ratio + 1) / math.sqrt(-2 * math.log(CROSSING))
    if width <= least:
        found, elbow = [], width
    else:
        found = [Wavelet(centre, width)]
        while found[-1].width > least * ratio:
            found.append(Wavelet(found[-1].centre / ratio, found[-1].width / ratio))
        elbow = found[-1].centre
    even = [Wavelet(elbow - elbow * i / per_octave, least) for i in range(1, per_octave)]
    return found + even


def gaussian(size: int, width: float) -> np.ndarray:
    """A low pass of unit gain in the sense of `_unit`, -> [T]."""
    return _unit(_bell(size, 0.0, width))


def morlet(size: int, wavelet: Wavelet) -> np.ndarray:
    """A Gaussian around the centre, less what it lets through at zero, -> [T]."""
    high = _bell(size, wavelet.centre, wavelet.width)
    low = _bell(size, 0.0, wavelet.width)
    return _unit(high - high[0] / low[0] * low)


def _unit(spectrum: np.ndarray) -> np.ndarray:
    """Scaled so that the moduli of the filter's samples sum to one, [T] -> [T]."""
    return spectrum / np.abs(np.fft.ifft(spectrum)).sum()


def periodised(spectrum: np.ndarray, pieces: int) -> np.ndarray:
    """The filter at that many times fewer samples, [T] -> [T / pieces]."""
    return spectrum.reshape(pieces, -1).mean(0)


def band(spectrum: np.ndarray) -> tuple[int, np.ndarray]:
    """(first bin, values) of the stretch, around the circle, that holds all of a filter: [T]."""
    (inside,) = np.nonzero(np.abs(spectrum) > _NOTHING * np.abs(spectrum).max())
    gaps = np.diff(np.append(inside, inside[0] + len(spectrum)))
    last = int(gaps.argmax())
    start = int(inside[(last + 1) % len(inside)])
    count = len(spectrum) - int(gaps[last]) + 1
    return start, np.roll(spectrum, -start)[:count]


def padded_length(length: int, span: int) -> int:
    """A power of two that holds the audio and three supports of the average at either end."""
    bell = np.abs(np.fft.ifft(gaussian(length, WAVELET_WIDTH / span)))[: length // 2]
    rest = np.cumsum(bell[::-1])[::-1]
    (enough,) = np.nonzero(rest <= 1e-3)
    support = int(enough[0]) + 1 if len(enough) else length // 2
    wanted = math.ceil(math.log2(length + 6 * support))
    # A reflection can be no longer than what is reflected.
    return 2 ** min(wanted, math.floor(math.log2(3 * length - 2)))


def _bell(size: int, centre: float, width: float) -> np.ndarray:
    """A Gaussian on the circle of frequencies: summed over all periods that it reaches, [T]."""
    # As many periods as keep it continuous to 1e-7, but at most five on either side.
    periods = min(math.ceil(width * math.sqrt(-2 * math.log(1e-7)) + 1), 5)
    if periods == 1 and not centre:
        return np.exp(-(np.fft.fftfreq(size) ** 2) / (2 * width**2))
    turns = np.arange((1 - periods) * size, periods * size) / size
    bell = np.exp(-((turns - centre) ** 2) / (2 * width**2))
    return bell.reshape(-1, size).mean(0)
