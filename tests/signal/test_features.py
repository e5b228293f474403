import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.signal import features, stft

RNG = np.random.default_rng(0)


def test_mfcc_are_librosas():
    level = RNG.normal(size=(2, 9, 40, 1)).astype(np.float32)
    ours = features.mfcc(jnp.asarray(level), 13)
    theirs = librosa.feature.mfcc(S=level[1, :, :, 0].T, n_mfcc=13).T
    np.testing.assert_allclose(ours[1, :, :, 0], theirs, atol=1e-5)


@pytest.mark.parametrize("order", [1, 2])
def test_deltas_are_librosas(order):
    x = RNG.normal(size=(1, 30, 5, 1)).astype(np.float32)
    ours = features.delta(jnp.asarray(x), order=order)
    theirs = librosa.feature.delta(x[0, :, :, 0], order=order, axis=0)
    np.testing.assert_allclose(ours[0, :, :, 0], theirs, atol=1e-5)


@pytest.mark.parametrize(("rate", "n_fft"), [(22050, 2048), (16000, 1024)])
def test_chroma_filters_are_librosas(rate, n_fft):
    theirs = librosa.filters.chroma(sr=rate, n_fft=n_fft).T
    np.testing.assert_allclose(features.chroma_filters(rate, n_fft), theirs, atol=1e-6)


def test_chroma_is_librosas_and_names_the_note():
    t = np.arange(22050) / 22050
    tone = np.sin(2 * np.pi * 440 * t).astype(np.float32)
    power = stft.power(stft.stft(jnp.asarray(tone)[None, :, None], 2048, 512, centre=True))
    ours = features.chroma(power, 22050)[0, :, :, 0]
    theirs = librosa.feature.chroma_stft(S=np.asarray(power)[0, :, :, 0].T, sr=22050, tuning=0)
    np.testing.assert_allclose(ours, theirs.T, atol=1e-5)
    assert np.all(np.argmax(ours, 1) == 9)  # A
    assert np.all(features.chroma(jnp.zeros((1, 2, 1025, 1)), 22050) == 0)


def test_centroid_is_librosas():
    magnitude = RNG.uniform(size=(1, 4, 513, 1)).astype(np.float32)
    ours = features.centroid(jnp.asarray(magnitude), 16000)[0, :, 0, 0]
    theirs = librosa.feature.spectral_centroid(S=magnitude[0, :, :, 0].T, sr=16000)[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="at most 40"):
        features.mfcc(jnp.zeros((1, 2, 40, 1)), 41)
    with pytest.raises(BadInput, match="odd number"):
        features.delta(jnp.zeros((1, 5, 3, 1)), 9)
