"""Bands and back: nearly the same audio; the prototype and the filters against SciPy."""

import jax
import numpy as np
import pytest
import scipy.signal

from zoo.errors import BadInput
from zoo.signal import pqmf

NOISE = np.random.default_rng(0).normal(size=(2, 4000, 1)).astype(np.float32)


@pytest.mark.parametrize("bands, decibels", [(2, 60), (4, 60), (8, 45)])
def test_reconstruction_is_nearly_perfect(bands, decibels):
    back = jax.jit(lambda x: pqmf.synthesis(pqmf.analysis(x, bands)))(NOISE)
    assert back.shape == NOISE.shape
    inner = slice(100, -100)
    error = np.square(back - NOISE)[:, inner].mean() / np.square(NOISE[:, inner]).mean()
    assert -10 * np.log10(error) > decibels


def test_the_prototype_is_scipys():
    wanted = scipy.signal.firwin(63, 0.142, window=("kaiser", 9.0), scale=False)
    np.testing.assert_allclose(pqmf.prototype(4), wanted, atol=1e-12)


def test_analysis_and_synthesis_are_scipys_filters():
    bank = {sign: pqmf.pqmf_filters(4, sign) for sign in (1, -1)}
    bands = np.asarray(pqmf.analysis(NOISE))
    for k in range(4):
        full = scipy.signal.correlate(np.pad(NOISE[0, :, 0], 31), bank[1][:, k], "valid")
        np.testing.assert_allclose(bands[0, :, k], full[::4], atol=2e-5)
    total = sum(
        scipy.signal.correlate(
            np.pad(4 * scipy.signal.upfirdn([1], bands[0, :, k], 4), (31, 34)),
            bank[-1][:, k],
            "valid",
        )[:4000]
        for k in range(4)
    )
    np.testing.assert_allclose(pqmf.synthesis(bands)[0, :, 0], total, atol=2e-5)


@pytest.mark.parametrize("band", range(4))
def test_a_sine_lands_in_its_band(band):
    """Bands lie from low to high, each an eighth of the rate wide."""
    sine = np.sin(2 * np.pi * (band + 0.5) / 8 * np.arange(800)).astype(np.float32)
    energy = np.square(pqmf.analysis(sine[None, :, None])[0, 20:-20]).mean(0)
    assert energy.argmax() == band and energy[band] > 0.999 * energy.sum()


def test_what_does_not_fit_is_said():
    with pytest.raises(BadInput, match="multiple of 4"):
        pqmf.analysis(NOISE[:, :101])
    with pytest.raises(BadInput, match="3 bands: choose 2, 4, 8"):
        pqmf.prototype(3)
