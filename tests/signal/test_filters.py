import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal

from zoo.errors import BadInput
from zoo.signal import filters

RNG = np.random.default_rng(0)
AUDIO = RNG.uniform(-1, 1, (2, 500, 2)).astype(np.float32)


def test_band_pass_is_scipys_window_design():
    ours = filters.sinc_bandpass(
        jnp.array([300.0, 2000.0]), jnp.array([900.0, 5000.0]), 251, 16000, unit_centre=False
    )
    for i, band in enumerate(([300, 900], [2000, 5000])):
        theirs = scipy.signal.firwin(
            251, band, window="hamming", pass_zero=False, scale=False, fs=16000
        )
        np.testing.assert_allclose(ours[:, i], theirs, atol=1e-6)


def test_sincnet_filters_are_symmetric_and_learn():
    low, high = jnp.array([100.0]), jnp.array([200.0])
    kernel = filters.sinc_bandpass(low, high, 101, 16000)
    np.testing.assert_allclose(kernel, kernel[::-1], atol=1e-7)
    assert float(kernel[50, 0]) == 1
    slopes = jax.grad(
        lambda a, b: filters.sinc_bandpass(a, b, 101, 16000)[:40].sum(), argnums=(0, 1)
    )(low, high)
    step = 1.0
    for i, slope in enumerate(slopes):
        moved = [low + step * (i == 0), high + step * (i == 1)]
        back = [low - step * (i == 0), high - step * (i == 1)]
        difference = (
            filters.sinc_bandpass(*moved, 101, 16000)[:40].sum()
            - filters.sinc_bandpass(*back, 101, 16000)[:40].sum()
        ) / (2 * step)
        assert float(slope[0]) == pytest.approx(float(difference), rel=0.02)


@pytest.mark.parametrize("taps", [1, 20, 33, 700])
def test_convolution_is_scipys(taps):
    kernel = RNG.normal(size=(taps, 2)).astype(np.float32)
    full = scipy.signal.fftconvolve(AUDIO.astype(np.float64), kernel[None], axes=1)
    for mode, theirs in (
        ("full", full),
        ("causal", full[:, :500]),
        ("same", full[:, (taps - 1) // 2 :][:, :500]),
    ):
        ours = filters.fft_convolve(jnp.asarray(AUDIO), jnp.asarray(kernel), mode)
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    if taps < 500:
        same = scipy.signal.fftconvolve(AUDIO, kernel[None], axes=1, mode="same")
        ours = filters.fft_convolve(jnp.asarray(AUDIO), jnp.asarray(kernel))
        np.testing.assert_allclose(ours, same, atol=1e-4)


def test_emphasis_is_scipys_and_undone():
    ours = filters.pre_emphasis(jnp.asarray(AUDIO))
    theirs = scipy.signal.lfilter([1, -0.97], [1], AUDIO, axis=1)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    theirs = scipy.signal.lfilter([1], [1, -0.97], AUDIO, axis=1)
    np.testing.assert_allclose(filters.de_emphasis(jnp.asarray(AUDIO)), theirs, atol=1e-5)
    np.testing.assert_allclose(filters.de_emphasis(ours), AUDIO, atol=1e-5)


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_weighting_is_librosas():
    hz = np.linspace(0, 20000, 300)
    np.testing.assert_allclose(
        filters.a_weighting(hz), librosa.A_weighting(hz, min_db=-80), atol=1e-3
    )


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="use 101"):
        filters.sinc_bandpass(jnp.ones(1), 2 * jnp.ones(1), 100, 16000)
    with pytest.raises(BadInput, match="'causal'"):
        filters.fft_convolve(jnp.asarray(AUDIO), jnp.ones(3), "valid")
