"""Smooth spectra on a warped frequency axis: a few points that lie dense where frequencies are low.

The axis is that of a first-order all-pass: a spectrum becomes its cepstrum, which is warped and cut
to K coefficients, whose spectrum is read at K points from zero to half the rate. As `mcep` (no
iterations), `freqt` and `mgc2sp` of SPTK; all of it is linear in decibels, so it is two matrices.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.signal import lfilter

from zoo.errors import BadInput


@cache
def frequency_warping(bins: int, points: int, alpha: float) -> np.ndarray:
    """Decibels of `bins` uniform frequencies to those of warped ones, -> [points bins] float64.

    alpha: of the all-pass, -1 to 1; above zero low frequencies get more of the points.
    """
    _check(bins, points, alpha)
    return 2 * _cosines(points) @ freqt(bins, points, alpha) @ cepstra(bins)


@cache
def expansion(bins: int, points: int, alpha: float) -> np.ndarray:
    """Decibels of warped frequencies to those of `bins` uniform ones, -> [bins points] float64.

    The inverse of `frequency_warping` for spectra that `points` cepstral coefficients hold.
    """
    _check(bins, points, alpha)
    return 2 * _cosines(bins) @ freqt(points, bins, -alpha) @ cepstra(points)


@cache
def cepstra(size: int) -> np.ndarray:
    """Decibels from zero to half the rate to cepstral coefficients in dB, -> [size size] float64.

    Of the filter of minimum phase: the spectrum is twice the sum of coefficients times cosines.
    """
    ends = np.ones(size)
    ends[[0, -1]] = 0.5  # what of both ends of an even sequence is a causal one's
    return ends[:, None] * _cosines(size) * (ends / (size - 1))


@cache
def freqt(given: int, wanted: int, alpha: float) -> np.ndarray:
    """Frequency transformation of causal sequences, -> [wanted given] float64.

    Column n are the first coefficients of ((z + alpha) / (1 + alpha z)) ** n in powers of z.
    """
    column = np.zeros(wanted)
    column[0] = 1.0
    columns = [column]
    for _ in range(given - 1):
        columns.append(lfilter([alpha, 1.0], [1.0, alpha], columns[-1]))
    return np.stack(columns, 1)


def _cosines(size: int) -> np.ndarray:
    """[frequencies coefficients], both of `size`."""
    place = np.arange(size)
    return np.cos(np.pi * np.outer(place, place) / (size - 1))


def _check(bins: int, points: int, alpha: float) -> None:
    if not 2 <= points <= bins or not -1 < alpha < 1:
        raise BadInput(
            f"{points} points of {bins} bins warped by {alpha:g}: give 2 points or more, no more "
            "than there are bins, and a warping within -1 and 1"
        )
