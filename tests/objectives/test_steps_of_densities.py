"""One step of every likelihood: flows, autoregressive and recurrent models, codes, students."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from scipy import stats
from twin_step import assert_step, drawn, run

from zoo.distributions import Gaussian, Tokens
from zoo.objectives.code_prior import CodePrior
from zoo.objectives.flow import Flow
from zoo.objectives.likelihood import Autoregressive
from zoo.objectives.played_notes import PlayedNotes
from zoo.objectives.recurrent_likelihood import RecurrentLikelihood
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


def test_dither_is_noise_of_one_step_of_16_bit():
    batch = {"audio": np.zeros((1, 4096, 1), np.float32)}
    variables = drawn(Flow(Scale(), SPEC), batch)
    variables = variables.replace(
        params={"model": {"scale": {"kernel": jnp.zeros((3, 1))}, "shift": jnp.zeros(4)}}
    )
    plain, dithered = (Flow(Scale(), SPEC, sigma=2.0**-15, dither=dither) for dither in (0.0, 1.0))
    nats = [run(o, variables, batch, "model")[1]["loss"] for o in (plain, dithered)]
    assert abs(nats[1] - nats[0] - 1 / 24) < 0.003  # the variance of a uniform step is 1 / 12
