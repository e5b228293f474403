"""Feature vectors of clips are librosa's, from the audio on."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.models.classification.engineered import Engineered

pytestmark = pytest.mark.optimised

RATE = 12_000
TIME = np.arange(2 * RATE) / RATE
SOUND = (
    0.3 * np.sin(2 * np.pi * 300 * TIME * (1 + 0.1 * TIME))
    + 0.05 * np.random.default_rng(0).normal(size=len(TIME)) * np.exp(-2 * TIME)
).astype(np.float32)
THEIRS = librosa.feature


def described(*kinds, **how):
    model = Engineered(RATE, kinds, **how)
    return np.asarray(jax.jit(model.apply)({}, jnp.asarray(SOUND)[None, :, None]))[0]


def statistics(*series):
    """Mean and deviation over time of [K F] each, one series after another."""
    return np.concatenate([f(one, axis=1) for one in series for f in (np.mean, np.std)])


def test_mfcc_are_the_baseline_of_pons_and_serra():
    mfcc = THEIRS.mfcc(y=SOUND, sr=RATE, n_mfcc=20)
    first = mfcc[:, 1:] - mfcc[:, :-1]
    second = first[:, 1:] - first[:, :-1]
    ours = described("mfcc")
    assert ours.shape == (120,)
    np.testing.assert_allclose(ours, statistics(mfcc, first, second), atol=2e-3)
    frames = described("mfcc", frames=True)
    wanted = np.concatenate([mfcc[:, 2:], first[:, 1:], second]).T
    np.testing.assert_allclose(frames, wanted, atol=2e-3)


def test_chroma_and_mel_statistics_are_librosas():
    chroma = THEIRS.chroma_stft(y=SOUND, sr=RATE, tuning=0)
    level = librosa.power_to_db(THEIRS.melspectrogram(y=SOUND, sr=RATE))
    ours = described("chroma", "mel")
    assert ours.shape == (2 * 12 + 2 * 128,)
    np.testing.assert_allclose(ours, statistics(chroma, level), atol=2e-3)


def test_low_level_descriptors_are_librosas():
    chroma = THEIRS.chroma_stft(y=SOUND, sr=RATE, tuning=0)
    wanted = statistics(
        THEIRS.tonnetz(chroma=chroma),
        THEIRS.spectral_centroid(y=SOUND, sr=RATE),
        THEIRS.spectral_bandwidth(y=SOUND, sr=RATE),
        THEIRS.spectral_rolloff(y=SOUND, sr=RATE),
        THEIRS.spectral_flatness(y=SOUND),
        THEIRS.spectral_contrast(y=SOUND, sr=RATE, n_bands=5),
        THEIRS.zero_crossing_rate(SOUND),
        THEIRS.rms(y=SOUND),
    )
    np.testing.assert_allclose(described("low_level"), wanted, rtol=1e-3, atol=1e-3)


def test_silence_has_finite_features_and_nonsense_is_refused():
    model = Engineered(RATE, ("mfcc", "chroma", "low_level", "mel"))
    assert np.isfinite(jax.jit(model.apply)({}, jnp.zeros((1, 4096, 1)))).all()
    with pytest.raises(BadInput, match="timbre: choose mfcc"):
        Engineered(RATE, ("timbre",)).apply({}, jnp.zeros((1, 4096, 1)))
    with pytest.raises(BadInput, match="give 1024 or more"):
        model.apply({}, jnp.zeros((1, 500, 1)))
