"""One step of every likelihood: flows, autoregressive and recurrent models, codes, students."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from scipy import stats
from twin_step import assert_step, doubles, drawn, fixed, run

from zoo.distributions import Gaussian, MixtureOfLogistics, Tokens
from zoo.models.generation.lewis import Lewis
from zoo.models.generation.todd import Todd
from zoo.objectives.blues import Blues
from zoo.objectives.code_prior import CodePrior
from zoo.objectives.density_distillation import DensityDistillation
from zoo.objectives.distillation import Distillation
from zoo.objectives.event_likelihood import EventLikelihood
from zoo.objectives.flow import Flow
from zoo.objectives.likelihood import Autoregressive
from zoo.objectives.planned_melodies import PlannedMelodies
from zoo.objectives.played_notes import PlayedNotes
from zoo.objectives.recurrent_likelihood import RecurrentLikelihood
from zoo.objectives.refinement import Refinement
from zoo.objectives.window_flow import WindowFlow
from zoo.signal import mel

RNG = np.random.default_rng(5)
SPEC = mel.MelSpec(8000, 8, 4, 3, mel.log_clamp, exponent=1)


class Scale(nn.Module):
    """A flow with a formula: z = x exp(s) + shift, s one number a frame, told by the mel."""

    hop: int = 4
    bins: int = 3
    group: int = 4

    @nn.compact
    def __call__(self, audio, frames, *, train=False):
        s = 0.1 * nn.Dense(1, use_bias=False, name="scale")(frames)[:, :-1]
        shift = self.param("shift", nn.initializers.ones, (4,))
        z = audio.reshape(len(audio), -1, 4) * jnp.exp(s) + shift
        return z, 4 * s.sum((1, 2))


def log_mels(audio):
    bank = np.float64(librosa.filters.mel(sr=8000, n_fft=8, n_mels=3))
    spectra = [
        np.abs(librosa.stft(x, n_fft=8, hop_length=4, pad_mode="reflect", dtype=complex))
        for x in np.float64(audio[..., 0])
    ]
    return np.stack([np.log(np.maximum(bank @ s, 1e-5)).T for s in spectra])


def test_flow():
    """The density of z times that of the map's Jacobian: a wider z is less likely by its log."""
    batch = {"audio": RNG.normal(size=(2, 16, 1)).astype(np.float32)}
    objective = Flow(Scale(), SPEC, sigma=0.7)
    frames = log_mels(batch["audio"])

    def loss(w):
        widths = np.exp(0.1 * frames[:, :-1] @ w["scale"]["kernel"])
        z = np.float64(batch["audio"]).reshape(2, -1, 4) * widths + w["shift"]
        log_prob = stats.norm.logpdf(z, scale=0.7) + np.log(widths)
        return -log_prob.mean()

    _, measured = assert_step(objective, drawn(objective, batch), batch, "model", loss)
    np.testing.assert_allclose(measured["bits_per_sample"], measured["loss"] / np.log(2), rtol=1e-5)


class Stretch(nn.Module):
    """z = exp(s) x + shift, of windows of 8 samples."""

    samples: int = 8

    @nn.compact
    def __call__(self, audio):
        s, shift = self.param("w", nn.initializers.ones, (2, 8))
        return audio[..., 0] * jnp.exp(s) + shift, jnp.full(len(audio), s.sum())


@pytest.mark.parametrize("prior, law", [("normal", stats.norm), ("logistic", stats.logistic)])
def test_window_flow(prior, law):
    batch = {"audio": RNG.normal(size=(3, 8, 1)).astype(np.float32)}
    objective = WindowFlow(Stretch(), prior, dither=0.0)

    def loss(w):
        s, shift = w["w"]
        return -(law.logpdf(batch["audio"][..., 0] * np.exp(s) + shift) + s).mean()

    _, measured = assert_step(objective, drawn(objective, batch), batch, "model", loss)
    np.testing.assert_allclose(measured["bits_per_sample"], measured["loss"] / np.log(2), rtol=1e-5)


class Memory(nn.Module):
    """The next sample is a Gaussian around a times the last, as wide as the sample before says."""

    distribution: Any = Gaussian()

    @nn.compact
    def __call__(self, audio, *, condition=None, train=False):
        w = self.param("w", nn.initializers.ones, (4,))
        late = jnp.pad(audio, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        told = 0.0 if condition is None else 0.1 * self.upsample(condition)[:, : audio.shape[1]]
        return jnp.concatenate([w[0] * late + w[1], w[2] * late**2 + w[3] + told], -1)

    def upsample(self, condition):
        return jnp.repeat(condition, 4, 1).mean(-1, keepdims=True)


def remembered(w, audio, told=0.0):
    """(means, log scales) [B T 1]."""
    late = np.pad(audio, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    return w["w"][0] * late + w["w"][1], w["w"][2] * late**2 + w["w"][3] + 0.1 * told


def test_autoregressive():
    audio = RNG.uniform(-1, 1, (2, 9, 1)).astype(np.float32)
    objective = Autoregressive(Memory(), context=3)

    def loss(w):
        mean, log_scale = remembered(w, np.float64(audio))
        return -stats.norm.logpdf(audio, mean, np.exp(log_scale))[:, 3:].mean()

    assert_step(objective, drawn(objective, {"audio": audio}), {"audio": audio}, "model", loss)


def test_audio_given_its_notes():
    """The roll as shares of 127."""
    audio = RNG.uniform(-1, 1, (2, 9, 1)).astype(np.float32)
    roll = RNG.integers(0, 128, (2, 3, 88)).astype(np.uint8)
    batch = {"audio": audio, "roll": roll}
    objective = PlayedNotes(Memory(), context=2, held=None)

    def loss(w):
        told = (roll / 127).mean(-1, keepdims=True).repeat(4, 1)[:, :9]
        mean, log_scale = remembered(w, np.float64(audio), told)
        return -stats.norm.logpdf(audio, mean, np.exp(log_scale))[:, 2:].mean()

    assert_step(objective, drawn(objective, batch), batch, "model", loss)


class Leaky(nn.Module):
    """As `Memory`, of a state that leaks and begins at 0.3."""

    distribution: Any = Gaussian()

    def setup(self):
        self.w = self.param("w", nn.initializers.ones, (3,))

    def __call__(self, audio):
        return self.window(audio, self.initial(len(audio)))[0]

    @nn.nowrap
    def initial(self, batch):
        return jnp.full((batch, 1), 0.3)

    @nn.nowrap
    def restart(self, carry, reset):
        return jnp.where(reset[:, None], self.initial(len(reset)), carry)

    def window(self, audio, carry):
        raw = []
        for t in range(audio.shape[1]):
            raw.append(jnp.concatenate([self.w[0] * carry, self.w[1] * carry + self.w[2]], -1))
            carry = 0.5 * carry + audio[:, t]
        return jnp.stack(raw, 1), carry


def test_recurrent_likelihood():
    """One row goes on where it was, the other begins anew; the state after them is kept."""
    batch = {
        "audio": RNG.uniform(-1, 1, (2, 4, 1)).astype(np.float32),
        "reset": np.array([False, True]),
    }
    objective = RecurrentLikelihood(Leaky())
    memory = {"model": {"memory": jnp.array([[0.8], [0.9]])}}
    variables = drawn(objective, batch).replace(collections=memory)

    def states():
        state = np.float64([[np.float32(0.8)], [np.float32(0.3)]])
        for t in range(4):
            yield state
            state = 0.5 * state + batch["audio"][:, t]
        yield state

    *seen, last = states()
    state = np.stack(seen, 1)

    def loss(w):
        w = w["w"]
        mean, scale = w[0] * state, np.exp(w[1] * state + w[2])
        return -stats.norm.logpdf(batch["audio"], mean, scale).mean()

    after, _ = assert_step(objective, variables, batch, "model", loss)
    np.testing.assert_allclose(after.collections["model"]["memory"], last, rtol=1e-6)


class Coder(nn.Module):
    """Codes of pairs of samples by the sign and size of their sum: an encoder that is frozen."""

    codes: int = 4
    hop: int = 2

    @nn.compact
    def __call__(self, audio):
        return self.encode(audio)

    @nn.compact
    def encode(self, audio):
        gain = self.param("gain", nn.initializers.ones, ())
        pairs = audio.reshape(len(audio), -1, 2).sum(-1)
        return jnp.clip(jnp.floor(2 * pairs * jnp.abs(gain) + 2), 0, 3).astype(jnp.int32)


class Prior(nn.Module):
    """Logits of the next code, linear in the number of the last."""

    distribution: Any = Tokens(4)

    @nn.compact
    def __call__(self, x, *, train=False):
        late = jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        return nn.Dense(4, name="out")(late)


def test_code_prior():
    audio = RNG.uniform(-1, 1, (2, 12, 1)).astype(np.float32)
    objective = CodePrior(Prior(), Coder())
    variables = drawn(objective, {"audio": audio})
    gain = np.abs(np.float64(variables.frozen["autoencoder"]["gain"]))
    codes = np.clip(np.floor(2 * audio.reshape(2, -1, 2).sum(-1) * gain + 2), 0, 3).astype(int)
    assert len(np.unique(codes)) > 2
    steps = np.float64(Prior().distribution.decode(codes[..., None]))
    assert np.all(np.diff(np.unique(steps)) > 0.3)

    def loss(w):
        late = np.pad(steps, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        logits = late @ w["out"]["kernel"] + w["out"]["bias"]
        chosen = np.take_along_axis(logits, codes[..., None], -1)[..., 0]
        return np.mean(np.logaddexp.reduce(logits, -1) - chosen)

    assert_step(objective, variables, {"audio": audio}, "model", loss)


class Student(nn.Module):
    """Noise [B T 1] -> audio mean + scale noise, both of the noise before."""

    @nn.compact
    def __call__(self, noise, told, *, train=False):
        w = self.param("w", nn.initializers.ones, (4,))
        late = jnp.pad(noise, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        mean = w[0] * late + w[1] * told[:, : noise.shape[1]]
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
    told = np.repeat(log_mels(audio), 4, 1).mean(-1, keepdims=True)
    late = np.pad(np.float64(noise), ((0, 0), (1, 0), (0, 0)))[:, :-1]

    def spectra(x):
        padded = np.pad(x[..., 0], ((0, 0), (0, 4)))
        frames = [
            librosa.stft(y, n_fft=8, hop_length=4, center=False, dtype=complex) for y in padded
        ]
        return np.abs(np.stack(frames))

    def loss(w):
        w = w["w"]
        mean, log_scale = w[0] * late + w[1] * told[:, :16], w[2] * np.sin(late) + w[3]
        fake = mean + np.exp(log_scale) * noise
        other, other_log = remembered(teacher, fake, told[:, :16])
        ours, theirs = np.exp(np.maximum(log_scale, -1)), np.exp(np.maximum(other_log, -1))
        kl = np.log(theirs / ours) + (ours**2 + (mean - other) ** 2) / (2 * theirs**2) - 0.5
        gap = np.mean((log_scale - other_log) ** 2)
        distance = np.mean((spectra(fake) - spectra(np.float64(audio))) ** 2)
        return kl.mean() + 1.3 * gap + 0.7 * distance

    assert_step(objective, variables, batch, "student", loss)


class Mixed(nn.Module):
    """As `Memory`, of two logistics of 8 bits, around what was and what is told."""

    distribution: Any = MixtureOfLogistics(2, bits=8)

    @nn.compact
    def __call__(self, audio, *, condition, train=False):
        w = self.param("w", nn.initializers.ones, (4,))
        late = jnp.pad(audio, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        told = 0.1 * self.upsample(condition)[:, : audio.shape[1]]
        one = jnp.ones_like(late)
        raw = w[0] * one, -w[0] * one, w[1] * late, w[2] * told, w[3] * one - 1, one - 2
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
    told = np.repeat(log_mels(audio), 4, 1).mean(-1, keepdims=True)[:, :16]
    first, again = (stats.logistic.isf(stats.norm.sf(np.float64(x))) for x in (noise, others))
    late = np.pad(first, ((0, 0), (1, 0), (0, 0)))[:, :-1]

    def powers(x):
        how = dict(n_fft=8, hop_length=4, center=False, dtype=complex)
        return np.stack([(np.abs(librosa.stft(y, **how)) ** 2).mean(-1) for y in x[..., 0]])

    def divergence(fake, x, log_scale, told):
        past, half = np.pad(fake, ((0, 0), (1, 0), (0, 0)))[:, :-1], 1 / 256
        weights = np.exp([v[0], -v[0]]) / np.exp([v[0], -v[0]]).sum()
        laws = (
            stats.logistic(v[1] * past, np.exp(v[3] - 1)),
            stats.logistic(0.1 * v[2] * told, np.exp(-1)),
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
        mean, log_scale = w[0] * late + w[1] * told, w[2] * np.sin(late) + w[3]
        fake, x = (mean + np.exp(log_scale) * noise for noise in (first, again))
        kl = divergence(fake, x, log_scale, told)
        kl -= 0.4 * divergence(fake, x, log_scale, told[::-1])
        return kl + 0.02 * np.mean((powers(fake) - powers(np.float64(audio))) ** 2)

    assert_step(objective, variables, batch, "student", loss)


def test_dither_is_noise_of_one_step_of_16_bit():
    batch = {"audio": np.zeros((1, 4096, 1), np.float32)}
    variables = drawn(Flow(Scale(), SPEC), batch)
    variables = variables.replace(
        params={"model": {"scale": {"kernel": jnp.zeros((3, 1))}, "shift": jnp.zeros(4)}}
    )
    plain, dithered = (Flow(Scale(), SPEC, sigma=2.0**-15, dither=dither) for dither in (0.0, 1.0))
    nats = [run(o, variables, batch, "model")[1]["loss"] for o in (plain, dithered)]
    assert abs(nats[1] - nats[0] - 1 / 24) < 0.003  # the variance of a uniform step is 1 / 12


class Pairs(nn.Module):
    """Logits of the next of four symbols from the one before, [B T 1] -> [B T 4]."""

    @nn.compact
    def __call__(self, x, *, train=False):
        before = jnp.pad(x[:, :-1, 0], ((0, 0), (1, 0))).astype(jnp.int32)
        return nn.Embed(4, 4, name="table")(before)

    distribution: Tokens = Tokens(4)


def test_events_with_a_mask():
    """The mean over the symbols that are there, of both pieces together."""
    events = RNG.integers(0, 4, (2, 5, 1))
    known = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], np.uint8)
    batch = {"events": events.astype(np.int32), "known": known}
    objective = EventLikelihood(Pairs(), None, None)

    def loss(w):
        before = np.pad(events[:, :-1, 0], ((0, 0), (1, 0)))
        logits = w["table"]["embedding"][before]
        chosen = np.take_along_axis(logits, events, -1)[..., 0]
        nats = np.log(np.exp(logits).sum(-1)) - chosen
        return (nats * known).sum() / 7

    _, measured = assert_step(objective, drawn(objective, batch), batch, "model", loss)
    assert measured["nats_per_event"] == measured["loss"]


def test_a_critic_s_scores():
    slices = RNG.uniform(0, 1, (3, 2, 4)).astype(np.float32)
    batch = {"slices": slices, "score": RNG.uniform(0, 1, 3).astype(np.float32)}

    def loss(w):
        hidden = slices.reshape(3, -1) @ w["enter"]["kernel"] + w["enter"]["bias"]
        hidden = 1 / (1 + np.exp(-hidden))
        found = hidden @ w["leave"]["kernel"] + w["leave"]["bias"]
        return np.square(1 / (1 + np.exp(-found[:, 0])) - batch["score"]).mean()

    objective = Refinement(Lewis(5), None, None, 2)
    assert_step(objective, drawn(objective, batch), batch, "model", loss)


def test_rolls_that_are_composed():
    """As rolls alone: sums over keys of steps after the first, those that are known."""
    batch = {
        "roll": RNG.integers(0, 2, (2, 4, 3)).astype(np.float32),
        "known": np.array([[1, 1, 1, 1], [1, 1, 1, 0]], np.uint8),
    }
    objective = Blues(Kept(), steps=None, instrument=None)

    def loss(w):
        logits = w["w"][0] * batch["roll"][:, :-1] + w["w"][1]
        nats = np.logaddexp(0, logits) - logits * batch["roll"][:, 1:]
        return (nats.sum(-1) * batch["known"][:, 1:]).sum(1).mean()

    assert_step(objective, drawn(objective, batch), batch, "model", loss)


class Kept(nn.Module):
    """Logits of keys by what they are now."""

    @nn.compact
    def __call__(self, roll, *, train=False):
        w = self.param("w", nn.initializers.ones, (2,))
        return w[0] * roll + w[1]


def test_melodies_under_a_plan():
    """Squared errors of logistic units, over a state that fades."""
    plan = np.eye(2, dtype=np.float32)
    slices = RNG.integers(0, 2, (2, 3, 3)).astype(np.float32)
    batch = {"plan": plan, "slices": slices}
    objective = PlannedMelodies(Todd(3, 4, 0.6), None, None, 2)

    def loss(w):
        total, state = 0.0, np.zeros((2, 3))
        for t in range(3):
            read = np.concatenate([plan, state], 1)
            hidden = 1 / (1 + np.exp(-read @ w["enter"]["kernel"] - w["enter"]["bias"]))
            units = 1 / (1 + np.exp(-hidden @ w["leave"]["kernel"] - w["leave"]["bias"]))
            total += np.square(units - slices[:, t]).sum() / 18
            state = 0.6 * state + slices[:, t]
        return total

    assert_step(objective, drawn(objective, batch), batch, "model", loss)
