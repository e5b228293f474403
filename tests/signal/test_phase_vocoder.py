"""Tempo and pitch: librosa's phase vocoder, tones that stay or move, resampling by known ratios."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import scipy.signal

from zoo.signal import phase_vocoder, stft

RATE = 8000
TIME = np.arange(6000) / RATE


def tones(*hz):
    return np.stack([np.sin(2 * np.pi * f * TIME) for f in hz])[..., None].astype(np.float32)


def pitch(x):
    """Hz of the strongest bin of [T], by a parabola."""
    size = np.log(np.abs(np.fft.rfft(x * np.hanning(len(x)))) + 1e-9)
    k = int(size.argmax())
    a, b, c = size[k - 1 : k + 2]
    return (k + (a - c) / (2 * (a - 2 * b + c))) * RATE / len(x)


def test_frames_are_librosas():
    x = np.random.default_rng(0).normal(0, 0.3, (2, 3000, 1)).astype(np.float32)
    spectrum = stft.stft(jnp.asarray(x), 256, 64, centre=True)
    rates = jnp.asarray([0.8, 1.25])
    ours = jax.jit(lambda s, r: phase_vocoder.vocode(s, r, 64, 38))(spectrum, rates)
    for i, rate in enumerate((0.8, 1.25)):
        given = np.asarray(spectrum[i, :, :, 0]).T
        theirs = librosa.phase_vocoder(given, rate=rate, hop_length=64, n_fft=256)[:, :38]
        np.testing.assert_allclose(ours[i, :, :, 0].T, theirs, atol=0.03)  # phases of float32


def test_a_tone_keeps_its_pitch_at_another_tempo():
    run = jax.jit(lambda x, r: phase_vocoder.stretch(x, r, 5000, 512))
    y = run(tones(440, 660), jnp.asarray([0.8, 1.2]))
    assert y.shape == (2, 5000, 1)
    for one, hz in zip(y, (440, 660)):
        assert abs(pitch(np.asarray(one[1000:4000, 0])) - hz) < 2


def test_a_tone_moves_by_semitones_and_stays_as_long_and_as_loud():
    run = jax.jit(lambda x, s: phase_vocoder.shift(x, s, 4, 512))
    y = np.asarray(run(tones(440, 440, 440), jnp.asarray([-3.0, 0.0, 4.0])))
    assert y.shape == (3, 6000, 1)
    for one, steps in zip(y[..., 0], (-3, 0, 4)):
        assert abs(pitch(one[1000:5000]) - 440 * 2 ** (steps / 12)) < 2
        assert 0.6 < np.std(one[1000:5000]) / np.sqrt(0.5) < 1.1


def test_reading_between_samples_is_scipys_resampling():
    """Of sound far below the lower half rate, away from the ends."""
    x = tones(300, 700)
    y = jax.jit(lambda x, r: phase_vocoder.resample_by_rate(x, r, 4000))(
        x, jnp.asarray([0.75, 1.25])
    )
    for one, given, (up, down) in zip(y, x, ((4, 3), (4, 5))):
        wanted = scipy.signal.resample_poly(given[:, 0], up, down)
        np.testing.assert_allclose(one[100:3900, 0], wanted[100:3900], atol=5e-3)
