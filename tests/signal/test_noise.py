"""Flatness as librosa has it; a planted burst is found, music and hiss are not."""

import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.signal import noise

RATE = 16_000


def test_flatness_is_librosa_s():
    rng = np.random.default_rng(0)
    power = rng.exponential(1.0, (6, 257)).astype(np.float32)
    power[3] = 0
    expected = librosa.feature.spectral_flatness(S=power.T, power=1.0)[0]
    np.testing.assert_allclose(noise.spectral_flatness(jnp.asarray(power)), expected, rtol=1e-4)
    assert float(noise.spectral_flatness(jnp.asarray(power))[3]) == pytest.approx(1.0, abs=1e-4)


def chords(length):
    time = np.arange(length) / RATE
    partials = [np.sin(2 * np.pi * k * f * time) / k for f in (220, 277, 330) for k in range(1, 9)]
    return 0.1 * np.sum(partials, 0) * np.exp(-2 * (time % 0.5))


def test_a_burst_is_found_where_it_is_loud_and_long():
    rng = np.random.default_rng(1)
    music = chords(8192) + rng.normal(0, 1e-3, 8192)
    burst, click, hiss = music.copy(), music.copy(), rng.normal(0, 5e-3, 8192)
    burst[3000:6500] += rng.normal(0, 0.2, 3500)
    click[3000:3100] += rng.normal(0, 0.2, 100)
    audio = jnp.asarray(np.stack([music, burst, click, hiss])[..., None], jnp.float32)
    assert noise.has_burst(audio, RATE).tolist() == [False, True, False, False]
    assert not noise.has_burst(audio, RATE, flat=0.7).any()
    assert noise.has_burst(audio, RATE, level=-60.0)[3]
