import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.signal import phase, stft

RATE = 16000
T = np.arange(8000) / RATE
TONE = sum(np.sin(2 * np.pi * 220 * k * (T + 0.2 * T**2)) / k for k in range(1, 8))
TONE = (0.3 * TONE).astype(np.float32)
CONVENTION = dict(centre=True, pad_mode="constant")


def convergence(audio, magnitude):
    rebuilt = stft.magnitude(stft.stft(jnp.asarray(audio)[None, :, None], 512, 128, **CONVENTION))
    return float(jnp.linalg.norm(rebuilt - magnitude) / jnp.linalg.norm(magnitude))


@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_griffin_lim_from_zero_phase_is_librosas(momentum):
    magnitude = stft.magnitude(stft.stft(TONE[None, :, None], 512, 128, **CONVENTION))
    ours = phase.griffin_lim(
        magnitude, 512, 128, length=8000, iterations=4, momentum=momentum, **CONVENTION
    )
    theirs = librosa.griffinlim(
        np.asarray(magnitude)[0, :, :, 0].T,
        n_iter=4,
        hop_length=128,
        momentum=momentum,
        init=None,
        length=8000,
    )
    # Bins without energy amplify rounding from turn to turn: compare the whole, not each sample.
    assert np.linalg.norm(ours[0, :, 0] - theirs) < 3e-3 * np.linalg.norm(theirs)


def test_griffin_lim_from_random_phase_converges_as_librosas():
    magnitude = stft.magnitude(stft.stft(TONE[None, :, None], 512, 128, **CONVENTION))
    ours = phase.griffin_lim(magnitude, 512, 128, length=8000, key=jax.random.key(0), **CONVENTION)
    theirs = librosa.griffinlim(
        np.asarray(magnitude)[0, :, :, 0].T, n_iter=32, hop_length=128, length=8000, random_state=0
    )
    assert convergence(ours[0, :, 0], magnitude) < 1.3 * convergence(theirs, magnitude) < 0.3


def test_griffin_lim_of_silence_is_silence_and_has_slopes():
    def energy(magnitude):
        audio = phase.griffin_lim(magnitude, 64, 16, centre=True, length=256, iterations=2)
        return jnp.square(audio).sum()

    value, slope = jax.jit(jax.value_and_grad(energy))(jnp.zeros((1, 17, 33, 1)))
    assert value == 0 and np.all(np.isfinite(slope))


def test_steady_phases_turn_as_those_of_sines():
    """Against NumPy's spectra of two sines: from frame to frame, and across the bins of a peak."""
    sines = np.sin(2 * np.pi * 440 * T) + 0.1 * np.sin(2 * np.pi * 2017 * T)
    frames = np.lib.stride_tricks.sliding_window_view(sines, 512)[::128]
    spectra = np.fft.rfft(frames * np.hanning(513)[:-1], axis=1)
    magnitude = np.abs(spectra)[None, ..., None].astype(np.float32)
    found = np.asarray(phase.steady_phases(magnitude, 512, 128))[0, ..., 0]
    np.testing.assert_allclose(np.abs(found), 1, atol=1e-5)
    apart = found * np.conj(spectra)
    for peak in (14, 65):
        near = apart[:, peak - 1 : peak + 2]
        assert np.abs(np.angle(near[1:] * np.conj(near[:-1]))).max() < 0.1
        assert np.abs(np.angle(near[:, 1:] * np.conj(near[:, :-1]))).max() < 0.1


def test_phase_is_numpys():
    rng = np.random.default_rng(0)
    z = (rng.normal(size=(1, 50, 6, 1)) + 1j * rng.normal(size=(1, 50, 6, 1))).astype(np.complex64)
    angle = phase.angle(jnp.asarray(z))
    np.testing.assert_allclose(angle, np.angle(z), atol=1e-6)
    np.testing.assert_allclose(phase.unwrap(angle), np.unwrap(np.angle(z), axis=1), atol=1e-4)


def test_phase_of_silence_has_no_slope():
    def total(x):
        return phase.angle(stft.stft(x, 64, 16, centre=True)).sum()

    np.testing.assert_array_equal(jax.jit(jax.grad(total))(jnp.zeros((1, 128, 1))), 0)


def test_instantaneous_frequency_of_a_sine_is_constant():
    hop, hz = 128, 1000.0
    sine = jnp.asarray(np.sin(2 * np.pi * hz * T), jnp.float32)[None, :, None]
    angle = phase.angle(stft.stft(sine, 512, hop, centre=False))
    frequency = phase.instantaneous_frequency(angle)[0, 1:, 32, 0]
    expected = 2 * hz * hop / RATE  # half turns per frame
    np.testing.assert_allclose(frequency, (expected + 1) % 2 - 1, atol=1e-3)


def test_accumulated_frequency_is_the_phase_again_after_a_long_clip():
    angle = np.random.default_rng(0).uniform(-np.pi, np.pi, (1, 5000, 3, 1)).astype(np.float32)
    back = phase.accumulate_phase(phase.instantaneous_frequency(jnp.asarray(angle)))
    error = np.angle(np.exp(1j * (np.asarray(back, np.float64) - angle)))
    assert np.abs(error).max() < 1e-3


def turn_error(ours, exact):
    """Largest distance in cycles between phases that may differ by whole turns."""
    error = np.asarray(ours, np.float64) - exact
    return np.abs(error - np.round(error)).max()


def test_phase_does_not_drift_over_two_minutes():
    t = np.arange(120 * RATE)
    increment = ((440 + 30 * np.sin(2 * np.pi * 5 * t / RATE)) / RATE).astype(np.float32)
    ours = phase.accumulate(jnp.asarray(increment)[None, :, None])[0, :, 0]
    exact = np.cumsum(increment.astype(np.float64))
    assert turn_error(ours, exact) < 1e-6
    naive = jnp.cumsum(jnp.asarray(increment))
    assert turn_error(naive, exact) > 1e-4  # what the integers are for


@pytest.mark.parametrize("increment", [0.5, -0.5, 0.75, -0.3, 1.0, 3.2, -1e-9, 0.0])
def test_phase_of_any_increment(increment):
    steps = np.full((1, 9, 1), increment, np.float32)
    exact = np.cumsum(steps.astype(np.float64), axis=1)
    assert turn_error(phase.accumulate(jnp.asarray(steps)), exact) < 1e-6


def test_phase_has_the_slope_of_a_sum():
    weight = np.random.default_rng(0).normal(size=(1, 50, 1)).astype(np.float32)
    x = jnp.full((1, 50, 1), 0.3)
    slope = jax.grad(lambda x: (phase.accumulate(x) * weight).sum())(x)
    np.testing.assert_allclose(slope[0, :, 0], np.cumsum(weight[0, ::-1, 0])[::-1], rtol=1e-4)
