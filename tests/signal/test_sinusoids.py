"""Sinusoidal analysis: peaks against SciPy's, trajectories, and sounds that come back."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import BarycentricInterpolator
from scipy.signal import find_peaks

from zoo.signal import sinusoids, stft

RATE, N_FFT, HOP = 16_000, 1024, 256
LENGTH = 8_192


def chirps():
    """Two partials that glide and a steady one, in two channels [T 2], and their pitches [T 3]."""
    time = np.arange(LENGTH) / RATE
    hertz = np.stack([440 + 60 * time, 1000 - 80 * time, 2500 + 0 * time], 1)
    phase = 2 * np.pi * np.cumsum(hertz, 0) / RATE + np.array([0.3, 1.1, 2.0])
    left = (np.cos(phase) * np.array([0.3, 0.2, 0.05])).sum(1)
    right = (np.cos(phase) * np.array([0.1, 0.2, 0.05])).sum(1)
    return np.stack([left, right], 1).astype(np.float32), hertz


def test_peaks_are_scipy_s_and_the_signal_s():
    audio, hertz = chirps()

    @jax.jit
    def run(x):
        spectrum = stft.centred(x[None], N_FFT, HOP)[0]
        return spectrum, sinusoids.spectral_peaks(spectrum, 5, RATE, floor=1e-2)

    spectrum, found = jax.tree.map(np.asarray, run(audio))
    magnitude = np.abs(spectrum).mean(2)
    for frame in (4, 9, 20, 27):
        level = np.log(magnitude[frame] + 1e-10)
        at, _ = find_peaks(level, height=np.log(1e-2 * magnitude.max()))
        ours = np.sort(found.frequency[frame])[-3:]
        assert len(at) == 3 == np.count_nonzero(found.frequency[frame])
        for one, bin_, wanted in zip(ours, at, hertz[frame * HOP]):
            around = np.arange(bin_ - 1, bin_ + 2)
            slope = BarycentricInterpolator(around, level[around]).derivative(one * N_FFT / RATE)
            assert abs(slope) < 1e-3  # the top of the parabola through three bins
            assert abs(one - wanted) < 2
    order = np.argsort(found.frequency[16])[-3:]
    wanted = [[0.3, 0.1], [0.2, 0.2], [0.05, 0.05]]
    np.testing.assert_allclose(np.abs(found.complex_[16])[order], wanted, rtol=0.04)


def test_trajectories_are_followed_and_the_weak_ones_left_out():
    frequency = jnp.array([[100, 400, 0], [401, 101, 900], [103, 0, 402], [104, 700, 404.0]])
    amplitude = jnp.where(frequency > 0, jnp.array([1.0, 2.0, 1.5]), 0)
    found = sinusoids.Peaks(frequency, amplitude, amplitude[..., None] + 0j)

    @jax.jit
    def run(found):
        numbers = sinusoids.link_peaks(found.frequency, 0.03)
        return numbers, *sinusoids.strongest_trajectories(found, numbers, 3, shortest=2)

    numbers, kept, owner = run(found)
    np.testing.assert_array_equal(numbers, [[0, 1, -1], [1, 0, 2], [0, -1, 1], [0, 3, 1]])
    np.testing.assert_array_equal(kept.frequency[0], [400, 401, 402, 404])
    np.testing.assert_array_equal(kept.frequency[1], [100, 101, 103, 104])
    np.testing.assert_array_equal(kept.amplitude[1], [1, 2, 1, 1])
    np.testing.assert_array_equal(kept.amplitude[2], 0)
    np.testing.assert_array_equal(owner, [[1, 0, -1], [0, 1, -1], [1, -1, 0], [1, -1, 0]])


def test_sounds_come_back_from_their_sinusoids():
    audio, _ = chirps()

    @jax.jit
    def again(x):
        found = sinusoids.spectral_peaks(stft.centred(x[None], N_FFT, HOP)[0], 5, RATE, floor=1e-2)
        shares = jax.nn.one_hot(jnp.where(found.frequency > 2000, 1, 0), 2)
        return sinusoids.synthesised(found, shares, HOP, len(x), RATE)

    played = np.asarray(again(jnp.asarray(audio)))
    inner = slice(N_FFT, -N_FFT)
    error = np.square(played.sum(1) - audio)[inner].mean() / np.square(audio)[inner].mean()
    assert 10 * np.log10(error) < -25
    steady = 0.05 * np.cos(2 * np.pi * 2500 * (np.arange(LENGTH) + 1) / RATE + 2.0)
    np.testing.assert_allclose(played[inner, 1, 0], steady[inner], atol=3e-3)
