"""Low-level descriptors are librosa's, on noise, on tones and in silence."""

from functools import cache

import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.signal import descriptors, features, stft

pytestmark = pytest.mark.optimised

RATE = 22_050
TIME = np.arange(12_000) / RATE
CHORD = np.sin(2 * np.pi * np.outer((262, 330, 392), TIME)).sum(0) / 4
NOISE = 0.1 * np.random.default_rng(0).normal(size=len(TIME))
FADED = CHORD * np.exp(-12 * TIME) + np.where(TIME > 0.3, 0, NOISE)  # ends 80 dB down
SOUND = np.stack([CHORD, NOISE, FADED]).astype(np.float32)


@cache
def magnitude():
    return stft.magnitude(stft.stft(jnp.asarray(SOUND)[..., None], 2048, 512, centre=True))


def of_magnitude(function, **how):
    """[B F K] of one of librosa's functions."""
    return np.stack([function(S=np.asarray(one)[..., 0].T, **how).T for one in magnitude()])


def of_audio(function, **how):
    return np.stack([function(y=one, **how).T for one in SOUND])


def of_chroma(function):
    chroma = np.asarray(features.chroma(jnp.square(magnitude()), RATE))
    return np.stack([function(chroma=one[..., 0].T, sr=RATE).T for one in chroma])


def audio():
    return jnp.asarray(SOUND)[..., None]


THEIRS = librosa.feature
CASES = {
    "bandwidth": (
        lambda: descriptors.bandwidth(magnitude(), RATE),
        lambda: of_magnitude(THEIRS.spectral_bandwidth, sr=RATE),
    ),
    "rolloff": (
        lambda: descriptors.rolloff(magnitude(), RATE),
        lambda: of_magnitude(THEIRS.spectral_rolloff, sr=RATE),
    ),
    "flatness": (
        lambda: descriptors.frame_flatness(magnitude()),
        lambda: of_magnitude(THEIRS.spectral_flatness),
    ),
    "contrast": (
        lambda: descriptors.contrast(magnitude(), RATE),
        lambda: of_magnitude(THEIRS.spectral_contrast, sr=RATE),
    ),
    "contrast of 5 octaves": (
        lambda: descriptors.contrast(magnitude(), RATE, 5, 0.1),
        lambda: of_magnitude(THEIRS.spectral_contrast, sr=RATE, n_bands=5, quantile=0.1),
    ),
    "zero crossings": (
        lambda: descriptors.zero_crossings(audio()),
        lambda: of_audio(THEIRS.zero_crossing_rate),
    ),
    "rms": (
        lambda: descriptors.rms(audio(), 1024, 256),
        lambda: of_audio(THEIRS.rms, frame_length=1024, hop_length=256),
    ),
    "tonnetz": (
        lambda: descriptors.tonnetz(features.chroma(jnp.square(magnitude()), RATE)),
        lambda: of_chroma(THEIRS.tonnetz),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_descriptors_are_librosas(name):
    ours, theirs = (make() for make in CASES[name])
    assert ours[..., 0].shape == theirs.shape
    np.testing.assert_allclose(ours[..., 0], theirs, rtol=1e-4, atol=2e-4)
    assert np.ptp(theirs) > 0


def test_silence_is_finite_and_differences_are_between_neighbours():
    silence = jnp.zeros((1, 3, 1025, 1))
    assert np.all(descriptors.rolloff(silence, RATE) == 0)
    assert np.all(descriptors.bandwidth(silence, RATE) == 0)
    assert np.all(descriptors.contrast(silence, RATE) == 0)
    assert np.all(descriptors.tonnetz(jnp.zeros((1, 3, 12, 1))) == 0)
    np.testing.assert_allclose(descriptors.frame_flatness(silence), 1, rtol=1e-5)
    x = jnp.asarray([1.0, 4.0, 2.0])[None, :, None, None]
    np.testing.assert_array_equal(descriptors.frame_difference(x)[0, :, 0, 0], [3, -2])


def test_octaves_above_half_the_rate_are_refused():
    assert descriptors.contrast_bands(22_050) == 6 and descriptors.contrast_bands(8_000) == 5
    with pytest.raises(BadInput, match="at most 5"):
        descriptors.contrast(magnitude(), 8_000)
    with pytest.raises(librosa.ParameterError):
        librosa.feature.spectral_contrast(S=np.ones((1025, 3)), sr=8_000)
