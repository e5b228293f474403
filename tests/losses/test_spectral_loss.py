from dataclasses import replace

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.losses import spectral
from zoo.losses.waveform import l2
from zoo.signal import mel

RNG = np.random.default_rng(0)
TARGET = RNG.normal(0, 0.2, (2, 3000, 1)).astype(np.float32)
PREDICTION = (0.8 * TARGET + RNG.normal(0, 0.05, TARGET.shape)).astype(np.float32)


def by_librosa(x, size, hop):
    """Magnitudes [F N], with as many frames as hops begin."""
    x = np.pad(x[:, 0], (0, size))
    frames = -(-(len(x) - size) // hop)
    return np.abs(librosa.stft(x, n_fft=size, hop_length=hop, center=False)[:, :frames].T)


def test_multi_scale_is_the_sum_over_librosas_spectra():
    """Of soft sound too: magnitudes are not clamped before their logarithm."""
    pair = [x * np.float32([1, 1e-6])[:, None, None] for x in (PREDICTION, TARGET)]
    ours = spectral.multi_scale(*map(jnp.asarray, pair), sizes=(512, 64))
    for i in range(2):
        theirs = 0.0
        for size in (512, 64):
            p, t = (by_librosa(x[i], size, size // 4) for x in pair)
            theirs += np.abs(p - t).mean() + np.abs(np.log(p) - np.log(t)).mean()
        assert float(ours[i]) == pytest.approx(theirs, rel=1e-4)


def test_stems_are_penalised_by_librosas_magnitudes():
    """0.3 times the mean over both sizes, of all stems and channels, beside the loss of samples."""
    stems = RNG.normal(0, 0.2, (2, 2, 700, 2, 2)).astype(np.float32)
    ours = jax.jit(spectral.with_magnitudes(l2, 0.3, (256, 64)))(*stems)
    for i in range(2):
        theirs = 0.0
        for size in (256, 64):
            p, t = (
                [by_librosa(x[i, :, s, c, None], size, size // 4) for s in (0, 1) for c in (0, 1)]
                for x in stems
            )
            theirs += 0.3 / 2 * np.abs(np.array(p) - np.array(t)).mean()
        plain = np.square(stems[0, i] - stems[1, i]).mean()
        assert float(ours[i]) == pytest.approx(plain + theirs, rel=1e-4)


def test_convergence_and_log_magnitude():
    ours = spectral.convergence(jnp.asarray(PREDICTION), jnp.asarray(TARGET), 256, 64)
    logs = spectral.log_magnitude(jnp.asarray(PREDICTION), jnp.asarray(TARGET), 256, 64)
    p, t = (by_librosa(x[1], 256, 64) for x in (PREDICTION, TARGET))
    assert float(ours[1]) == pytest.approx(np.linalg.norm(p - t) / np.linalg.norm(t), rel=1e-4)
    floored = np.abs(np.log(np.maximum(p, 1e-5)) - np.log(np.maximum(t, 1e-5))).mean()
    assert float(logs[1]) == pytest.approx(floored, rel=1e-4)
    nothing = spectral.convergence(jnp.zeros((2, 3000, 1)), jnp.asarray(TARGET), 256, 64)
    np.testing.assert_allclose(nothing, 1, atol=1e-5)


def test_power_ignores_when_but_not_how_loud():
    tone = np.sin(2 * np.pi * np.arange(4096) / 16).astype(np.float32)[None, :, None]
    late = jnp.asarray(tone * np.linspace(0, 1, 4096, dtype=np.float32)[:, None])
    loss = spectral.power_mse(late[:, ::-1], late, 256, 256)
    soft = spectral.power_mse(0.5 * late, late, 256, 256)
    assert float(loss[0]) < 1e-3 * float(soft[0])
    ours = spectral.power_mse(jnp.asarray(PREDICTION), jnp.asarray(TARGET), 256, 64)[1]
    how = dict(n_fft=256, hop_length=64, center=False)
    sides = (np.square(np.abs(librosa.stft(x[1, :, 0], **how))) for x in (PREDICTION, TARGET))
    p, t = (power.mean(1) for power in sides)
    assert float(ours) == pytest.approx(np.square(p - t).mean(), rel=1e-4)


def test_log_mel_of_half_the_level_is_ln_two():
    loud = RNG.uniform(-1, 1, (1, 6000, 1)).astype(np.float32)
    ours = spectral.log_mel_l1(jnp.asarray(0.5 * loud), jnp.asarray(loud), mel.HIFIGAN)
    assert float(ours[0]) == pytest.approx(np.log(2), rel=1e-3)


def test_linear_magnitudes_see_what_log_mels_hardly_do():
    """A constant, and partials drawn to the comb of the hop; each as a share of what silence costs.

    Logarithms weigh what lies between partials as much as the partials themselves.
    """
    spec, length, hertz = replace(mel.HIFIGAN, sample_rate=16_000), 8192, 293.66
    comb = spec.sample_rate / spec.hop
    noise, other = np.random.default_rng(1).normal(0, 1e-3, (2, length))

    def partials(hertz):
        time = np.arange(length)[:, None] / spec.sample_rate
        return (0.2 * np.sin(2 * np.pi * time * hertz) / np.arange(1, 11)).sum(1)

    def loss(made):
        made, real = (jnp.asarray(x, jnp.float32)[None, :, None] for x in (made, tone))
        losses = spectral.multi_scale(made, real, log=0.0), spectral.log_mel_l1(made, real, spec)
        return np.concatenate(losses)

    tone = partials(hertz * np.arange(1, 11)) + noise
    combed = partials(comb * np.round(hertz * np.arange(1, 11) / comb)) + other
    silence = loss(0 * tone)
    linear, logarithmic = loss(combed) / silence
    assert linear > 0.5 and logarithmic < 0.15
    linear, logarithmic = loss(tone + 0.07) / silence
    assert linear > 0.15 and logarithmic < 0.02


@pytest.mark.parametrize("silent", ["prediction", "target", "both"])
def test_all_are_finite_at_silence(silent):
    zeros, sound = jnp.zeros((1, 2100, 1)), jnp.asarray(TARGET[:1, :2100])
    prediction = sound if silent == "target" else zeros
    target = sound if silent == "prediction" else zeros

    def total(p):
        return (
            spectral.multi_scale(p, target, sizes=(256, 64))
            + spectral.convergence(p, target, 256, 64)
            + spectral.log_magnitude(p, target, 256, 64)
            + spectral.power_mse(p, target, 256, 64)
            + spectral.log_mel_l1(p, target, mel.HIFIGAN)
        ).sum()

    value, slope = jax.jit(jax.value_and_grad(total))(prediction)
    assert np.isfinite(value) and np.all(np.isfinite(slope))
    if silent == "both":
        assert float(value) == 0


def test_multi_resolution_is_torchs():
    """Parallel WaveGAN's two terms, of torch.stft's magnitudes; near silence its clamp holds."""
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(5)
    pair = random.uniform(-0.5, 0.5, (2, 3, 4000, 1)).astype(np.float32)
    pair *= np.float32([1, 0.1, 1e-4])[:, None, None]
    published = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))
    assert published == spectral.RESOLUTIONS
    resolutions = ((512, 50, 240), (171, 10, 60))
    ours = spectral.multi_resolution(*pair, resolutions)
    wanted = np.zeros((2, 3))
    for n_fft, hop, win in resolutions:
        fake, real = (
            torch.stft(
                torch.tensor(x[..., 0]),
                n_fft,
                hop,
                win,
                torch.hann_window(win),
                return_complex=True,
            )
            .abs()
            .square()
            .clamp(min=1e-7)
            .sqrt()
            .numpy()
            for x in pair
        )
        for i in range(3):
            wanted[0, i] += np.linalg.norm(fake[i] - real[i]) / np.linalg.norm(real[i]) / 2
            wanted[1, i] += np.abs(np.log(fake[i]) - np.log(real[i])).mean() / 2
    np.testing.assert_allclose(np.stack(ours), wanted, rtol=2e-4)
