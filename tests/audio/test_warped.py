"""Warped spectra: numbers of SPTK, the all-pass itself, and what survives there and back."""

import numpy as np
import pytest

from zoo.audio import warped
from zoo.errors import BadInput

BINS, POINTS, ALPHA = 65, 12, 0.45
# Of SPTK, by pysptk 1.0.1: mcep(order=11, alpha=.45, maxiter=0, etype=1, eps=1e-12, itype=1), its
# cosines as the authors' code takes them, and mgc2sp of them, every eighth bin.
REDUCED = (
    *(22.779889, 22.250038, 20.300802, 18.10002, 14.589208, 10.919756, 6.526714, 2.857774),
    *(-1.312641, -11.514398, -29.045165, -33.420435),
)
EXPANDED = (
    *(22.779889, 16.773076, 7.234982, 1.162694, -4.253121),
    *(-16.430109, -27.892495, -32.605455, -33.420435),
)


def spectrum():
    place = np.arange(BINS) / (BINS - 1)
    return 20 * np.cos(np.pi * place) - 15 * place + 3 * np.cos(12 * place)


def test_as_sptk():
    reduced = warped.frequency_warping(BINS, POINTS, ALPHA) @ spectrum()
    np.testing.assert_allclose(reduced, REDUCED, atol=1e-6)
    expanded = warped.expansion(BINS, POINTS, ALPHA) @ reduced
    np.testing.assert_allclose(expanded[::8], EXPANDED, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.45, -0.3, 0.0])
def test_sequences_keep_their_spectrum_at_the_frequencies_of_an_all_pass(alpha):
    c = np.random.default_rng(0).normal(size=6)
    w = np.linspace(0, np.pi, 40)
    z = np.exp(-1j * w)
    moved = (z - alpha) / (1 - alpha * z)
    changed = warped.freqt(6, 200, alpha) @ c
    values = moved[:, None] ** np.arange(200) @ changed
    np.testing.assert_allclose(values, z[:, None] ** np.arange(6) @ c, atol=1e-9)


def test_what_few_coefficients_hold_comes_back():
    small = np.random.default_rng(1).normal(0, 5, POINTS)
    there = warped.expansion(513, POINTS, ALPHA) @ small
    np.testing.assert_allclose(
        warped.frequency_warping(513, POINTS, ALPHA) @ there, small, atol=1e-6
    )
    np.testing.assert_allclose(warped.frequency_warping(513, POINTS, ALPHA).sum(1), 1, atol=1e-9)


def test_low_frequencies_get_most_of_the_points():
    """A step at a tenth of the band is passed by a third of 60 points."""
    step = np.where(np.arange(513) < 51, 0.0, -40.0)
    low = warped.frequency_warping(513, 60, ALPHA) @ step > -20
    assert 12 <= low.sum() <= 20 and low[:12].all()


def test_cepstra_are_those_of_the_filter():
    """Twice the sum of coefficients times cosines is the spectrum."""
    decibels = np.random.default_rng(2).normal(size=9)
    c = warped.cepstra(9) @ decibels
    w = np.pi * np.arange(9) / 8
    np.testing.assert_allclose(2 * np.cos(np.outer(w, np.arange(9))) @ c, decibels, atol=1e-9)


def test_what_cannot_be_is_refused():
    for bad in ((65, 1, 0.4), (65, 66, 0.4), (65, 12, 1.0)):
        with pytest.raises(BadInput, match="give 2 points or more"):
            warped.frequency_warping(*bad)
