"""One step of students that learn from a frozen teacher: probability density distillation."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import librosa
import numpy as np
from scipy import stats
from test_steps_of_densities import SPEC, Memory, log_mels, remembered
from twin_step import assert_step, doubles, drawn, fixed

from zoo.distributions import MixtureOfLogistics
from zoo.objectives.density_distillation import DensityDistillation
from zoo.objectives.distillation import Distillation

RNG = np.random.default_rng(5)


class Student(nn.Module):
    """Noise [B T 1] -> audio mean + scale noise, both of the noise before."""

    @nn.compact
    def __call__(self, noise, conditioning, *, train=False):
        w = self.param("w", nn.initializers.ones, (4,))
        late = jnp.pad(noise, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        mean = w[0] * late + w[1] * conditioning[:, : noise.shape[1]]
        log_scale = w[2] * jnp.sin(late) + w[3]
        return mean + jnp.exp(log_scale) * noise, mean, log_scale


def test_distillation(monkeypatch):
    """KL(student || teacher), the gap of the scales, and the magnitudes: each with its weight."""
    audio, noise = RNG.normal(size=(2, 2, 16, 1)).astype(np.float32)
    fixed(monkeypatch, "normal", {(2, 16, 1): noise})
    objective = Distillation(
        Student(), Memory(), SPEC, regularizer=1.3, spectral=0.7, transform=(8, 4, 8), floor=-1.0
    )
    batch = {"audio": audio}
    variables = drawn(objective, batch)
    teacher = doubles(variables.frozen["teacher"])
    conditioning = np.repeat(log_mels(audio), 4, 1).mean(-1, keepdims=True)
    late = np.pad(np.float64(noise), ((0, 0), (1, 0), (0, 0)))[:, :-1]

    def spectra(x):
        padded = np.pad(x[..., 0], ((0, 0), (0, 4)))
        frames = [
            librosa.stft(y, n_fft=8, hop_length=4, center=False, dtype=complex) for y in padded
        ]
        return np.abs(np.stack(frames))

    def loss(w):
        w = w["w"]
        mean, log_scale = w[0] * late + w[1] * conditioning[:, :16], w[2] * np.sin(late) + w[3]
        fake = mean + np.exp(log_scale) * noise
        other, other_log = remembered(teacher, fake, conditioning[:, :16])
        ours, theirs = np.exp(np.maximum(log_scale, -1)), np.exp(np.maximum(other_log, -1))
        kl = np.log(theirs / ours) + (ours**2 + (mean - other) ** 2) / (2 * theirs**2) - 0.5
        gap = np.mean((log_scale - other_log) ** 2)
        distance = np.mean((spectra(fake) - spectra(np.float64(audio))) ** 2)
        return kl.mean() + 1.3 * gap + 0.7 * distance

    assert_step(objective, variables, batch, "student", loss)


class Mixed(nn.Module):
    """As `Memory`, of two logistics of 8 bits, around what was and its condition."""

    distribution: Any = MixtureOfLogistics(2, bits=8)

    @nn.compact
    def __call__(self, audio, *, condition, train=False):
        w = self.param("w", nn.initializers.ones, (4,))
        late = jnp.pad(audio, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        conditioning = 0.1 * self.upsample(condition)[:, : audio.shape[1]]
        one = jnp.ones_like(late)
        raw = w[0] * one, -w[0] * one, w[1] * late, w[2] * conditioning, w[3] * one - 1, one - 2
        return jnp.concatenate(raw, -1)

    def upsample(self, condition):
        return jnp.repeat(condition, 4, 1).mean(-1, keepdims=True)


def test_density_distillation(monkeypatch):
    """Cross-entropy of three draws less the entropy, the other clip's with minus, the powers."""
    audio, noise = RNG.normal(size=(2, 2, 16, 1)).astype(np.float32)
    others = RNG.normal(size=(3, 2, 16, 1)).astype(np.float32)
    fixed(monkeypatch, "normal", {(2, 16, 1): noise, (3, 2, 16, 1): others})
    how = dict(draws=3, contrastive=0.4, power=0.02, transform=(8, 4))
    objective, batch = DensityDistillation(Student(), Mixed(), SPEC, **how), {"audio": audio}
    variables = drawn(objective, batch)
    v = doubles(variables.frozen["teacher"])["w"]
    conditioning = np.repeat(log_mels(audio), 4, 1).mean(-1, keepdims=True)[:, :16]
    first, again = (stats.logistic.isf(stats.norm.sf(np.float64(x))) for x in (noise, others))
    late = np.pad(first, ((0, 0), (1, 0), (0, 0)))[:, :-1]

    def powers(x):
        how = dict(n_fft=8, hop_length=4, center=False, dtype=complex)
        return np.stack([(np.abs(librosa.stft(y, **how)) ** 2).mean(-1) for y in x[..., 0]])

    def divergence(fake, x, log_scale, conditioning):
        past, half = np.pad(fake, ((0, 0), (1, 0), (0, 0)))[:, :-1], 1 / 256
        weights = np.exp([v[0], -v[0]]) / np.exp([v[0], -v[0]]).sum()
        laws = (
            stats.logistic(v[1] * past, np.exp(v[3] - 1)),
            stats.logistic(0.1 * v[2] * conditioning, np.exp(-1)),
        )

        def mass(law):
            inside = law.cdf(x + half) - law.cdf(x - half)
            return np.where(
                x <= -1, law.cdf(x + half), np.where(x >= 1 - 2 * half, law.sf(x - half), inside)
            )

        masses = sum(w * mass(law) for w, law in zip(weights, laws))
        return -np.log(128 * masses).mean() - log_scale.mean() - 2

    def loss(w):
        w = w["w"]
        mean, log_scale = w[0] * late + w[1] * conditioning, w[2] * np.sin(late) + w[3]
        fake, x = (mean + np.exp(log_scale) * noise for noise in (first, again))
        kl = divergence(fake, x, log_scale, conditioning)
        kl -= 0.4 * divergence(fake, x, log_scale, conditioning[::-1])
        return kl + 0.02 * np.mean((powers(fake) - powers(np.float64(audio))) ** 2)

    assert_step(objective, variables, batch, "student", loss)
