"""One step of every player of every adversarial objective, the gradient penalty's included."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from twin_step import assert_step, doubles, drawn, fixed

from zoo.losses import adversarial, spectral
from zoo.objectives.adversarial import Wasserstein
from zoo.objectives.adversarial_vocoder import Vocoder
from zoo.objectives.multi_band_vocoder import MultiBandVocoder
from zoo.objectives.spectrogram_gan import SpectrogramGAN
from zoo.signal import mel, pqmf

RNG = np.random.default_rng(4)


class Maker(nn.Module):
    """Latents [B 3] -> [B F N 1] of `shape` F N (or [B T 1])."""

    shape: tuple[int, ...] = (5, 1)
    latent: int = 3
    classes: int = 0
    size: tuple[int, int] = (4, 4)

    @nn.compact
    def __call__(self, z, classes):
        flat = nn.Dense(int(np.prod(self.shape)), use_bias=False, name="out")(z)
        return jnp.tanh(flat).reshape(-1, *self.shape)


class Scorer(nn.Module):
    """Two scales of scores [B 2], bent so that the slope depends on the place."""

    @nn.compact
    def __call__(self, x, classes, *, train=False):
        flat = x.reshape(len(x), -1)
        return [
            (nn.Dense(2, name=f"scale_{i}")(flat**2 if i else jnp.sin(flat)), ()) for i in (0, 1)
        ]


def scores(w, x):
    """Summed scales [B 2]."""
    x = x.reshape(len(x), -1)
    first, second = w["scale_0"], w["scale_1"]
    return np.sin(x) @ first["kernel"] + first["bias"] + x**2 @ second["kernel"] + second["bias"]


def slopes(w, x):
    """Norm of the gradient of the mean over the sum of an example's two scores at x."""
    x = x.reshape(len(x), -1)
    one, two = (w[name]["kernel"].sum(1) for name in ("scale_0", "scale_1"))
    return np.sqrt(np.square(np.cos(x) * one + 2 * x * two).sum(1))


def critical(w, fake, real, share):
    between = real + share.reshape(-1, *[1] * (real.ndim - 1)) * (fake - real)
    penalty = np.mean((slopes(w, between) - 1) ** 2)
    return scores(w, fake).mean() - scores(w, real).mean() + 7.0 * penalty


@pytest.fixture
def latents(monkeypatch):
    """(z, the place between real and fake) that every turn draws."""
    z, share = RNG.uniform(-1, 1, (3, 3)), np.array([0.2, 0.5, 0.9])
    places = {(3, 3): z, (3, 1, 1): share[:, None, None], (3, 1, 1, 1): share.reshape(3, 1, 1, 1)}
    fixed(monkeypatch, "uniform", places)
    return np.float32(z).astype(np.float64), np.float32(share).astype(np.float64)


def test_wasserstein_with_its_penalty_between_real_and_fake(latents):
    z, share = latents
    batch = {"audio": RNG.normal(size=(3, 5, 1)).astype(np.float32)}
    objective = Wasserstein(Maker(), Scorer(), penalty=7.0)
    variables = drawn(objective, batch)
    made = doubles(variables.params["generator"])["out"]["kernel"]
    fake = np.tanh(z @ made).reshape(3, 5, 1)
    real = np.float64(batch["audio"])
    assert_step(
        objective, variables, batch, "discriminator", lambda w: critical(w, fake, real, share)
    )
    judge = doubles(variables.params["discriminator"])
    assert_step(
        objective,
        variables,
        batch,
        "generator",
        lambda w: -scores(judge, np.tanh(z @ w["out"]["kernel"])).mean(),
    )
    assert [t.repeat for t in objective.turns] == [5, 1]


def test_latents_are_uniform_in_minus_one_to_one():
    z = np.asarray(Wasserstein(Maker(), Scorer())._latents(jax.random.key(0), 4000))
    assert z.min() < -0.99 and z.max() > 0.99 and abs(z.mean()) < 0.03


def test_spectrogram_gan_learns_on_images_of_the_frozen_moments(latents):
    z, share = latents
    batch = {"audio": RNG.normal(size=(3, 8, 1)).astype(np.float32)}
    objective = SpectrogramGAN(
        Maker((4, 4, 1)), Scorer(), penalty=7.0, n_fft=8, hop=2, iterations=1
    )
    variables = drawn(objective, batch)
    moments = {"mean": RNG.normal(size=5), "std": RNG.uniform(0.5, 1, 5)}
    moments = jax.tree.map(np.float32, moments)
    variables = variables.replace(frozen={"moments": moments})
    padded = np.pad(np.float64(batch["audio"][..., 0]), ((0, 0), (0, 6)))
    spectra = np.stack(
        [
            librosa.stft(x, n_fft=8, hop_length=2, center=False, dtype=np.complex128).T
            for x in padded
        ]
    )
    standard = (np.log(np.abs(spectra) + 1e-6) - moments["mean"]) / moments["std"]
    real = np.clip(standard[:, :, :4, None] / 3, -1, 1)
    fake = np.tanh(z @ doubles(variables.params["generator"])["out"]["kernel"])
    fake = fake.reshape(3, 4, 4, 1)
    assert_step(
        objective,
        variables,
        batch,
        "discriminator",
        lambda w: critical(w, fake, real, share),
        rtol=3e-3,
    )


SPEC = mel.MelSpec(8000, 8, 4, 3, mel.log10_clamp, exponent=1, centre=False, pad=(2, 2))


class Upsampler(nn.Module):
    """[B F 3] -> [B 4F 1]; or its four bands [B F 4], for the multi-band objective."""

    hop: int = 4
    bins: int = 3

    @nn.compact
    def __call__(self, frames, *, train=False):
        wave = nn.Dense(4, use_bias=False, name="out")(frames)
        return jnp.tanh(wave).reshape(len(frames), -1, 1)

    @nn.compact
    def bands(self, frames, *, train=False):
        return jnp.tanh(nn.Dense(4, use_bias=False, name="out")(frames))


class Listener(nn.Module):
    """Two scales of (scores [B T], two features)."""

    @nn.compact
    def __call__(self, x, *, train=False):
        answers = []
        for scale in range(2):
            taps = self.param(f"taps_{scale}", nn.initializers.ones, (2,))
            first = jnp.sin(taps[0] * x[:, scale:])
            second = (first * taps[1]) ** 2
            answers.append((2 * (first + second)[..., 0], [first, second]))
        return answers


def answers(w, x, np=np):
    found = []
    for scale in range(2):
        first = np.sin(w[f"taps_{scale}"][0] * x[:, scale:])
        second = (first * w[f"taps_{scale}"][1]) ** 2
        found.append((2 * (first + second)[..., 0], [first, second]))
    return found


def log_mels(audio, compress=np.log10):
    bank = np.float64(librosa.filters.mel(sr=8000, n_fft=8, n_mels=3))
    spectra = [
        np.abs(
            librosa.stft(
                np.pad(x, 2, "reflect"), n_fft=8, hop_length=4, center=False, dtype=complex
            )
        )
        for x in np.float64(audio[..., 0])
    ]
    return np.stack([compress(np.maximum(bank @ s, 1e-5)).T for s in spectra])


def magnitudes(audio):
    """[F N] of every example at DDSP's six FFT sizes, hops of a quarter, zeros behind."""
    for size in (2048, 1024, 512, 256, 128, 64):
        padded = np.pad(np.float64(audio[..., 0]), ((0, 0), (0, size)))
        frames = -(-audio.shape[1] // (size // 4))
        how = dict(n_fft=size, hop_length=size // 4, center=False, dtype=complex)
        yield np.abs(librosa.stft(padded, **how)[..., :frames])


def made(w, frames):
    return np.tanh(frames @ w["out"]["kernel"]).reshape(len(frames), -1, 1)


LOSSES = {
    "hinge": (
        lambda fake, real: np.maximum(0, 1 + fake).mean() + np.maximum(0, 1 - real).mean(),
        lambda fake: -fake.mean(),
    ),
    "least_squares": (
        lambda fake, real: (fake**2).mean() + ((real - 1) ** 2).mean(),
        lambda fake: ((fake - 1) ** 2).mean(),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_vocoder(name):
    """Scores summed over scales, features, magnitudes, ln mels whatever the front end's unit."""
    batch = {"audio": RNG.uniform(-0.9, 0.9, (2, 16, 1)).astype(np.float32)}
    objective = Vocoder(
        Upsampler(),
        Listener(),
        SPEC,
        feature_matching=1.7,
        spectral=0.6,
        linear=0.4,
        discriminator_loss=getattr(adversarial, f"{name}_discriminator"),
        generator_loss=getattr(adversarial, f"{name}_generator"),
    )
    variables = drawn(objective, batch)
    discriminator_loss, generator_loss = LOSSES[name]
    real, frames = np.float64(batch["audio"]), log_mels(batch["audio"])
    judge, maker = (doubles(variables.params[p]) for p in ("discriminator", "generator"))

    def discriminating(w):
        pairs = zip(answers(w, made(maker, frames)), answers(w, real))
        return sum(discriminator_loss(fake, true) for (fake, _), (true, _) in pairs)

    def generating(w):
        fake = made(w, frames)
        ours, theirs = answers(judge, fake), answers(judge, real)
        score = sum(generator_loss(one) for one, _ in ours)
        pairs = [(a, b) for (_, x), (_, y) in zip(ours, theirs) for a, b in zip(x, y)]
        matching = sum(np.abs(a - b).mean() for a, b in pairs)
        distance = np.abs(log_mels(fake, np.log) - log_mels(real, np.log)).mean()
        linear = sum(np.abs(a - b).mean() for a, b in zip(magnitudes(fake), magnitudes(real)))
        return score + 1.7 * matching + 0.6 * distance + 0.4 * linear

    assert_step(objective, variables, batch, "discriminator", discriminating)
    assert_step(objective, variables, batch, "generator", generating, rtol=3e-3, atol=1e-4)


FULL, PARTS = ((16, 4, 8), (8, 2, 8)), ((8, 2, 4),)


def test_multi_band_vocoder():
    """Its spectra are tested on their own; here their halves, the score's weight and its round."""
    batch = {"audio": RNG.uniform(-0.9, 0.9, (2, 64, 1)).astype(np.float32)}
    objective = MultiBandVocoder(
        Upsampler(),
        Listener(),
        SPEC,
        begin=9,
        adversarial=1.5,
        resolutions=FULL,
        band_resolutions=PARTS,
    )
    variables = drawn(objective, batch)
    real, frames = np.float64(batch["audio"]), log_mels(batch["audio"])
    judge, maker = (doubles(variables.params[p]) for p in ("discriminator", "generator"))

    def bands(w):
        return jnp.tanh(frames.astype(np.float32) @ w["out"]["kernel"])

    def spectra(w):
        fake, theirs = pqmf.synthesis(bands(w)), pqmf.analysis(real)
        whole = sum(jnp.mean(x) for x in spectral.multi_resolution(fake, real, FULL))
        pairs = [[x[..., k : k + 1] for x in (bands(w), theirs)] for k in range(4)]
        parts = [spectral.multi_resolution(*pair, PARTS) for pair in pairs]
        return whole / 2 + sum(jnp.mean(x) for part in parts for x in part) / 8

    def scored(w):
        return sum(jnp.mean((s - 1) ** 2) for s, _ in answers(judge, pqmf.synthesis(bands(w)), jnp))

    own = variables.params["generator"]
    for step, weight in ((8, 0.0), (9, 1.5)):
        loss = lambda w, weight=weight: spectra(w) + weight * scored(w) / 2  # noqa: E731
        assert_step(
            objective,
            variables,
            batch,
            "generator",
            jax.jit(loss),
            step=step,
            gradient=jax.jit(jax.grad(loss))(own),
        )

    def discriminating(w):
        fake = made(maker, frames)  # its __call__
        pairs = zip(answers(w, fake), answers(w, real))
        return sum((f**2).mean() + ((t - 1) ** 2).mean() for (f, _), (t, _) in pairs)

    assert_step(objective, variables, batch, "discriminator", discriminating)
    assert [(t.player, t.begin) for t in objective.turns] == [
        ("discriminator", 9),
        ("generator", 0),
    ]
