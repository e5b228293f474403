"""One step of what is compared by its sound or spectra: resynthesis, effects, mels, speech."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import librosa
import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm
from twin_step import assert_step, differences, drawn

from zoo.losses import spectral
from zoo.objectives.effect import Effect
from zoo.objectives.phase_retrieval import PhaseRetrieval
from zoo.objectives.refined_vocoder import RefinedVocoder
from zoo.objectives.resynthesis import Resynthesis
from zoo.objectives.speech import SilencedSpeech, StoppedSpeech
from zoo.objectives.tiers import Tiers
from zoo.recipes.amps import esr_loss
from zoo.signal import mel
from zoo.signal.mixtures import MixtureOfGaussians

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

BANK = np.float64(librosa.filters.mel(sr=8000, n_fft=8, n_mels=3))


class Bent(nn.Module):
    """The tanh of two taps; of a window it has no output for the first sample."""

    @nn.compact
    def settled(self, x, *, train=False):
        w = self.param("w", nn.initializers.ones, (3,))
        return w[2] * jnp.tanh(w[0] * x[:, 1:] + w[1] * x[:, :-1])

    def __call__(self, x, *, train=False):
        return self.settled(jnp.pad(x, ((0, 0), (1, 0), (0, 0))))


def test_an_effect_learns_the_wet_sound_where_it_has_settled():
    """The ratio of errors and the offset, after pre-emphasis."""
    dry, wet = RNG.uniform(-0.5, 0.5, (2, 2, 100, 1)).astype(np.float32)
    wet += 0.1
    batch = {"audio": dry, "wet": wet}
    skip = 5
    want = np.float64(wet)[:, 1 + skip :, 0]

    def made(w):
        x = np.float64(dry)[..., 0]
        return (w[2] * np.tanh(w[0] * x[:, 1:] + w[1] * x[:, :-1]))[:, skip:]

    def emphasised(x, by):
        return x[:, 1:] - by * x[:, :-1]

    def ratio(params):
        y = made(params["w"])
        error, energy = (emphasised(x, 0.95) for x in (y - want, want))
        offset = (y - want).mean(1) ** 2 / (np.mean(want**2, 1) + 1e-5)
        return np.mean(np.mean(error**2, 1) / (np.mean(energy**2, 1) + 1e-5) + offset)

    variables = drawn(Effect(Bent(), esr_loss, skip), batch, scale=2.0)
    assert_step(Effect(Bent(), esr_loss, skip), variables, batch, "model", ratio)


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
    real, features = spectra(audio)

    def loss(w):
        fake = np.exp(0.3 * (features @ w["out"]["kernel"] + w["out"]["bias"]))
        return guessed(fake, real, features)

    assert_step(objective, variables, {"audio": audio}, "model", loss)


class Refined(Inverter):
    """Its sound: the roots of magnitudes 1 to 4 are the samples of a frame, bent by a weight."""

    spec: mel.MelSpec = SPEC
    hop: int = 4
    bins: int = 3

    def setup(self):
        self.out, self.bend = nn.Dense(5), self.param("bend", nn.initializers.ones, ())

    def __call__(self, frames, *, train=False):
        return self.sound(frames, self.magnitudes(frames))

    def magnitudes(self, frames, *, train=False):
        return jnp.exp(0.3 * self.out(frames))

    def sound(self, frames, magnitude, *, train=False):
        return jnp.sin(self.bend * magnitude[..., 1:]).reshape(len(frames), -1, 1)


def test_a_refined_vocoder_learns_by_its_guesses_and_then_by_its_audio():
    """The losses of both are tested on their own."""
    audio = RNG.uniform(-0.9, 0.9, (2, 16, 1)).astype(np.float32)
    spec, resolutions = replace(SPEC, compress=mel.log_clamp), ((8, 4, 8), (4, 2, 4))
    how = dict(guesses=2, bins=0.4, bands=0.3, spectral=0.7, resolutions=resolutions)
    objective = RefinedVocoder(Refined(), None, spec, **how)
    variables = drawn(objective, {"audio": audio})
    real, features = spectra(audio)

    own = variables.params["generator"]

    def guess(w, np=np):
        return np.exp(0.3 * (features @ w["out"]["kernel"] + w["out"]["bias"]))

    def silent(w):
        return guessed(guess(w), real, features)

    def played(w):
        sound = jnp.sin(w["bend"] * guess(w, jnp)[..., 1:]).reshape(2, 16, 1)
        parts = sum(spectral.multi_resolution(sound, audio, resolutions))
        return jnp.mean(parts) + 0.7 * jnp.mean(spectral.log_mel_l1(sound, audio, spec))

    first, last = objective.turns
    assert (first.repeat, last.repeat) == (2, 1)
    alone = SimpleNamespace(turns=(first,))
    assert_step(alone, variables, {"audio": audio}, "generator", silent)
    slopes = jax.tree.map(np.add, differences(silent, own), jax.jit(jax.grad(played))(own))
    assert_step(
        objective,
        variables,
        {"audio": audio},
        "generator",
        lambda w: silent(w) + float(played(w)),
        gradient=slopes,
    )


def spectra(audio):
    """(magnitudes [B F 5], ln mels [B F 3]) in the front end."""
    how = dict(n_fft=8, hop_length=4, center=False, dtype=complex)
    padded = [np.pad(x, 2, "reflect") for x in np.float64(audio[..., 0])]
    real = np.stack([np.abs(librosa.stft(x, **how)).T for x in padded])
    return real, np.log(np.maximum(real @ BANK.T, 1e-5))


def guessed(fake, real, features):
    """Loss of magnitudes with weights of .4 and .3."""
    pairs = list(zip(fake, real))
    convergence = np.mean([np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in pairs])
    bins = np.abs(np.log(fake) - np.log(np.maximum(real, 1e-5))).mean()
    bands = np.abs(np.log(np.maximum(fake @ BANK.T, 1e-5)) - features).mean()
    return convergence + 0.4 * bins + 0.3 * bands


class Said(NamedTuple):
    frames: jax.Array
    refined: jax.Array
    stop: jax.Array


class Speaker(nn.Module):
    """Frames of the letters and of the frame before, and a sign of the end from both."""

    together: int = 1

    @nn.compact
    def __call__(self, text, text_known, frames, known, *, train=False):
        w = self.param("w", nn.initializers.ones, (4,))
        letters = (text * text_known).sum(1, keepdims=True)[..., None]
        before = jnp.pad(frames[:, :-1], ((0, 0), (1, 0), (0, 0)))
        made = jnp.tanh(w[0] * before + w[1] * letters) * jnp.ones_like(frames)
        refined = jnp.concatenate([made, w[2] * made], -1)[..., : 3 + self.together - 1]
        return Said(made, refined, w[3] * known + made.mean(-1))


@dataclass(frozen=True)
class Bands:
    """Three samples are a frame; the refined ones have a band more where there are two a step."""

    more: int = 0
    spec: mel.MelSpec = SPEC

    def analyse(self, audio):
        frames = audio.reshape(len(audio), -1, 3)
        return frames, jnp.concatenate([frames, 2 * frames], -1)[..., : 3 + self.more]


TEXT = np.array([[1, 2], [3, 9]])
SPOKEN = {
    "text": TEXT,
    "text_known": np.array([[1, 1], [1, 0]], np.uint8),
    "audio": RNG.uniform(-0.9, 0.9, (2, 18, 1)).astype(np.float32),
    "known": np.array([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]], np.float32),
}


def says(w, known):
    """(true frames, made ones, signs of the end), as `Speaker` has them."""
    frames = np.float64(SPOKEN["audio"]).reshape(2, 6, 3)
    before = np.concatenate([np.zeros((2, 1, 3)), frames[:, :-1]], 1)
    made = np.tanh(w[0] * before + w[1] * np.array([3.0, 3.0])[:, None, None])
    return frames, made, w[3] * known + made.mean(-1)


def test_stopped_speech_learns_frames_twice_and_the_last_one():
    """Squared errors before and after, cross-entropy of the end, over what is there."""
    objective = StoppedSpeech(Speaker(), Bands(), None)
    variables, known = drawn(objective, SPOKEN), SPOKEN["known"]
    last = np.array([[0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0]])

    def loss(w):
        frames, made, stop = says(w["w"], known)
        wrong = 2 * np.square(made - frames).mean(-1)
        wrong = wrong + np.log1p(np.exp(stop)) - last * stop
        return (wrong * known).sum() / known.sum()

    assert_step(objective, variables, SPOKEN, "model", loss)


def test_silenced_speech_learns_mel_and_linear_frames_and_the_silence_behind():
    """Absolute errors, half of the linear ones below 2 of 4 kHz, and two frames of silence."""
    speaker, bands = Speaker(together=2), Bands(more=1)
    objective = SilencedSpeech(speaker, bands, None, priority=2000.0, silence=2)
    variables = drawn(objective, SPOKEN)
    counted = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], np.float64)

    def loss(w):
        frames, made, _ = says(w["w"], counted)
        linear = np.concatenate([made, w["w"][2] * made[..., :1]], -1)
        wanted = np.concatenate([frames, 2 * frames[..., :1]], -1)
        wrong = np.abs(linear - wanted)
        every = (
            np.abs(made - frames).mean(-1) + 0.5 * wrong.mean(-1) + 0.5 * wrong[..., :2].mean(-1)
        )
        return (every * counted).sum() / counted.sum()

    assert_step(objective, variables, SPOKEN, "model", loss, atol=1e-4)


class Bins(nn.Module):
    """Two Gaussians of every bin: of the frame before, and of what lies below."""

    distribution: MixtureOfGaussians = MixtureOfGaussians(2)

    @nn.compact
    def __call__(self, x, below=None):
        w = self.param("w", nn.initializers.ones, (6,))
        before = jnp.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0)))
        given = before if below is None else before + below
        return w * given[..., None] + 0.3 * jnp.arange(6) * w[::-1]


@dataclass(frozen=True)
class Image:
    """Four samples are a frame of four bands."""

    def of(self, audio, key):
        return audio.reshape(len(audio), -1, 4)


def test_tiers_learn_their_bins_given_those_below():
    """The mixtures' densities by SciPy; a tier's turn moves no other."""
    objective = Tiers((Bins(), Bins()), Image(), 2)
    batch = {"audio": RNG.uniform(-2, 2, (2, 8, 1)).astype(np.float32)}
    variables = drawn(objective, batch)
    image = np.float64(batch["audio"]).reshape(2, 2, 4)
    parts = {"tier_1": (image[..., ::2], 0.0), "tier_2": (image[..., 1::2], image[..., ::2])}

    for player, (own, below) in parts.items():

        def loss(params, own=own, below=below):
            w = params["w"]
            before = np.concatenate([np.zeros((2, 1, 2)), own[:, :-1]], 1)
            raw = w * (before + below)[..., None] + 0.3 * np.arange(6) * w[::-1]
            weights, means, scales = np.split(raw, 3, -1)
            density = norm.logpdf(own[..., None], means, np.exp(scales))
            shares = weights - logsumexp(weights, -1, keepdims=True)
            return -logsumexp(shares + density, -1).mean()

        assert_step(objective, variables, batch, player, loss)
