import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal

from zoo.signal import synthesis

RATE = 16000


def test_harmonics_are_a_sum_of_sines():
    """Of amplitudes under overlapping Hann windows, as DDSP's."""
    f0 = jnp.full((1, 20, 1), 3000.0)
    share = jnp.ones((1, 20, 4))
    level = np.random.default_rng(0).uniform(0.2, 0.6, (1, 20, 1)).astype(np.float32)
    ours = synthesis.harmonics(f0, jnp.asarray(level), share, hop=64, sample_rate=RATE)
    t = np.arange(1, 1281) / RATE
    theirs = np.sin(2 * np.pi * 3000 * t) + np.sin(2 * np.pi * 6000 * t)
    impulses = np.zeros(64 * 21)
    impulses[::64] = 0.5 * np.append(level, level[0, -1])
    theirs *= np.convolve(impulses, scipy.signal.windows.hann(128, sym=False))[64 : 64 + 1280]
    assert ours.shape == (1, 1280, 1)
    np.testing.assert_allclose(ours[0, :, 0], theirs, atol=1e-3)  # 9 and 12 kHz stay silent


def test_distribution_sums_to_one_below_half_the_rate():
    share = jnp.ones((1, 2, 5))
    f0 = jnp.array([[[1500.0], [9000.0]]])
    np.testing.assert_allclose(
        synthesis.normalise(share, f0, RATE), [[[0.2] * 5, [0.0] * 5]], atol=1e-6
    )
    np.testing.assert_array_equal(
        synthesis.mask_above_nyquist(share, jnp.array([[[4000.0], [1601.0]]]), RATE),
        [[[1, 0, 0, 0, 0], [1, 1, 1, 1, 0]]],
    )


def test_free_oscillators():
    frequency = jnp.broadcast_to(jnp.array([440.0, 1000.0, 8000.0]), (1, 500, 3))
    ours = synthesis.oscillators(frequency, jnp.ones((1, 500, 3)), RATE)
    t = np.arange(1, 501) / RATE
    theirs = np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 1000 * t)
    np.testing.assert_allclose(ours[0, :, 0], theirs, atol=1e-4)


def test_flat_filter_neither_delays_nor_changes():
    x = np.random.default_rng(0).normal(size=(2, 640, 1)).astype(np.float32)
    flat = synthesis.filter_frames(jnp.asarray(x), jnp.ones((2, 10, 65)))
    np.testing.assert_allclose(flat, x, atol=1e-5)


def test_constant_filter_is_one_convolution():
    rng = np.random.default_rng(0)
    x = rng.normal(size=640)
    gains = rng.uniform(size=65)
    taps = np.roll(np.fft.irfft(gains), 64) * scipy.signal.get_window("hann", 128)
    theirs = np.convolve(x, taps)[64 : 64 + 640]
    ours = synthesis.filter_frames(
        jnp.asarray(x, jnp.float32)[None, :, None],
        jnp.broadcast_to(jnp.asarray(gains, jnp.float32), (1, 10, 65)),
    )
    np.testing.assert_allclose(ours[0, :, 0], theirs, atol=1e-4)


def test_noise_stays_in_its_band():
    gains = jnp.zeros((1, 100, 65)).at[:, :, 16:33].set(1.0)  # 2 to 4 kHz
    noise = synthesis.filtered_noise(jax.random.key(0), gains, 64)
    hz, level = scipy.signal.welch(noise[0, :, 0], RATE, nperseg=512)
    inside = (hz > 2200) & (hz < 3800)
    outside = (hz < 1600) | (hz > 4400)
    assert level[inside].mean() > 300 * level[outside].mean()


def test_reverb_adds_the_tail_to_the_dry_sound():
    rng = np.random.default_rng(0)
    x, response = rng.normal(size=300), rng.normal(size=100)
    tail = response.copy()
    tail[0] = 1.0
    ours = synthesis.reverb(
        jnp.asarray(x, jnp.float32)[None, :, None], jnp.asarray(response, jnp.float32)
    )
    np.testing.assert_allclose(ours[0, :, 0], np.convolve(x, tail)[:300], atol=1e-4)


def test_amplitudes_are_positive_and_at_most_two():
    y = synthesis.exp_sigmoid(jnp.array([-100.0, 0.0, 100.0]))
    np.testing.assert_allclose(y, [1e-7, 2 * 0.5 ** np.log(10) + 1e-7, 2], rtol=1e-4)


@pytest.mark.parametrize("mean_of", ["power", "decibels"])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_loudness_is_librosas_weighting(mean_of):
    x = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 4001, 1)).astype(np.float32)
    ours = synthesis.loudness(jnp.asarray(x), RATE, n_fft=512, hop=64, mean_of=mean_of)
    assert ours.shape == (1, 63, 1)
    padded = np.pad(x[0, :, 0], (0, 512))
    energy = np.abs(librosa.stft(padded, n_fft=512, hop_length=64, center=False)[:, :63]) ** 2
    weight = librosa.A_weighting(librosa.fft_frequencies(sr=RATE, n_fft=512))[:, None]
    if mean_of == "power":
        theirs = 10 * np.log10((energy * 10 ** (weight / 10)).mean(0))
    else:
        theirs = np.maximum(10 * np.log10(energy) + weight, -80).mean(0)
    np.testing.assert_allclose(ours[0, :, 0], theirs, atol=0.01)


def test_silence_is_finite():
    silence = jnp.zeros((1, 1024, 1))
    for mean_of in ("power", "decibels"):
        level, slope = jax.jit(
            jax.value_and_grad(
                lambda x, m: synthesis.loudness(x, RATE, n_fft=256, hop=64, mean_of=m).mean()
            ),
            static_argnums=1,
        )(silence, mean_of)
        assert float(level) == -80 and np.all(np.isfinite(slope))

    def played(f0, amplitude, share):
        return synthesis.harmonics(f0, amplitude, share, hop=64, sample_rate=RATE).sum()

    zeros = jnp.zeros((1, 4, 1)), jnp.zeros((1, 4, 1)), jnp.zeros((1, 4, 3))
    for slope in jax.jit(jax.grad(played, argnums=(0, 1, 2)))(*zeros):
        assert np.all(np.isfinite(slope))
