"""One step of what is compared by its spectra: resynthesis and magnitudes out of mels."""

import flax.linen as nn
import jax.numpy as jnp
import librosa
import numpy as np
from twin_step import assert_step, drawn

from zoo.objectives.phase_retrieval import PhaseRetrieval
from zoo.objectives.resynthesis import Resynthesis
from zoo.signal import mel

RNG = np.random.default_rng(6)
FRAMES, HOP = 8, 8
NOISE = RNG.uniform(-1, 1, (2, FRAMES * HOP)).astype(np.float32)  # no bin is nearly empty
SIZES = (2048, 1024, 512, 256, 128, 64)


class Player(nn.Module):
    """A sine of the pitch, of bent amplitude, and known noise: what it plays has a formula."""

    hop: int = HOP
    range: float = 120.0

    @nn.compact
    def __call__(self, audio, f0, classes, *, key):
        w = self.param("w", nn.initializers.ones, (3,))
        phase = jnp.arange(audio.shape[1]) / 50.0 * jnp.repeat(f0[..., 0], self.hop, 1) / 440.0
        tone = jnp.tanh(w[0]) * jnp.sin(phase + w[1])
        return (tone * (1.0 + classes[:, None]) + w[2] * NOISE)[..., None]

    def loudness(self, audio):
        return 20 * jnp.log10(jnp.abs(audio[:, :: self.hop]) + 1e-6)


def magnitudes(x, size):
    hop = size // 4
    frames = -(-len(x) // hop)
    padded = np.pad(x, (0, (frames - 1) * hop + size - len(x)))
    return np.abs(librosa.stft(padded, n_fft=size, hop_length=hop, center=False, dtype=complex))


def test_resynthesis_and_the_register_that_it_keeps():
    audio = RNG.uniform(-0.5, 0.5, (2, FRAMES * HOP, 1)).astype(np.float32)
    batch = {"audio": audio, "pitch": np.array([60, 69]), "family": np.array([1, 0])}
    objective = Resynthesis(Player(), "pitch", "family")
    variables = drawn(objective, batch)
    hertz = np.array([440.0 * 2 ** (-9 / 12), 440.0])

    def loss(w):
        phase = np.arange(FRAMES * HOP) / 50.0 * hertz[:, None] / 440.0
        tone = np.tanh(w["w"][0]) * np.sin(phase + w["w"][1])
        played = tone * np.array([[2.0], [1.0]]) + w["w"][2] * NOISE
        total = 0.0
        for ours, theirs in zip(played, np.float64(audio[..., 0])):
            for size in SIZES:
                a, b = magnitudes(ours, size), magnitudes(theirs, size)
                total += np.abs(a - b).mean() + np.abs(np.log(a) - np.log(b)).mean()
        return total / 2

    after, _ = assert_step(objective, variables, batch, "model", loss, rtol=0.01, atol=1e-3)
    loudness = 20 * np.log10(np.abs(audio[:, ::HOP, 0]) + 1e-6)
    now = {"pitch": 64.5, "loudness": loudness.mean(), "loudest": loudness.max(1).mean()}
    kept = after.collections["register"]
    for name, value in now.items():
        np.testing.assert_allclose(kept[name], 0.01 * value, rtol=1e-4)  # they were zero
    first, _ = assert_step(objective, variables, batch, "model", loss, step=0, rtol=0.01, atol=1e-3)
    np.testing.assert_allclose(first.collections["register"]["pitch"], 64.5, rtol=1e-5)


SPEC = mel.MelSpec(8000, 8, 4, 3, mel.log10_clamp, exponent=1, centre=False, pad=(2, 2))


class Inverter(nn.Module):
    """ln mels [B F 3] -> magnitudes [B F 5]."""

    @nn.compact
    def __call__(self, frames, *, train=False):
        return jnp.exp(0.3 * nn.Dense(5, name="out")(frames))


def test_phase_retrieval_learns_magnitudes():
    """Spectral convergence, half the L1 of ln magnitudes, and the share of that of ln mels."""
    audio = RNG.uniform(-0.9, 0.9, (2, 16, 1)).astype(np.float32)
    objective = PhaseRetrieval(Inverter(), SPEC, learns=True, bins=0.4, bands=0.3)
    variables = drawn(objective, {"audio": audio})
    bank = np.float64(librosa.filters.mel(sr=8000, n_fft=8, n_mels=3))
    real = np.stack(
        [
            np.abs(
                librosa.stft(
                    np.pad(x, 2, "reflect"), n_fft=8, hop_length=4, center=False, dtype=complex
                )
            ).T
            for x in np.float64(audio[..., 0])
        ]
    )
    features = np.log(np.maximum(real @ bank.T, 1e-5))

    def loss(w):
        fake = np.exp(0.3 * (features @ w["out"]["kernel"] + w["out"]["bias"]))
        pairs = list(zip(fake, real))
        convergence = np.mean([np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in pairs])
        bins = np.abs(np.log(fake) - np.log(np.maximum(real, 1e-5))).mean()
        bands = np.abs(np.log(np.maximum(fake @ bank.T, 1e-5)) - features).mean()
        return convergence + 0.4 * bins + 0.3 * bands

    assert_step(objective, variables, {"audio": audio}, "model", loss)
