"""One step of both players of GANSynth's objective, half grown, against NumPy."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp
from twin_step import STEP, assert_step, doubles, drawn, fixed

from zoo.objectives.growth import Growth
from zoo.objectives.progressive_gan import ProgressiveGAN
from zoo.objectives.toned_gan import TonedGAN
from zoo.signal import phase_images
from zoo.signal.phase_images import PhaseImageLayout
from zoo.tuning import hertz_of_note

RNG = np.random.default_rng(7)
PROGRESS = 0.75  # 15 images seen: of 12 that fade in, the last 9 behind 6 alone
SCALE, SHIFT = np.array([0.0661371661726, 0.8]), np.array([0.113718730221, 0.0])


class Maker(nn.Module):
    """Vectors [B 3] and pitches [B 2] -> [B 4 2 2]."""

    latent: int = 3
    pitches: int = 2
    resolutions: int = 2
    size: tuple[int, int] = (4, 2)

    @nn.compact
    def __call__(self, z, pitch, progress=1.0, *, blocks=None):
        both = jnp.concatenate([z, pitch], 1)
        return progress * jnp.tanh(nn.Dense(16, use_bias=False, name="out")(both)).reshape(
            -1, 4, 2, 2
        )


class Scorer(nn.Module):
    """Scores bent so that the slope depends on the place."""

    pitches: int = 2

    @nn.compact
    def __call__(self, x, progress=1.0, *, blocks=None):
        flat = x.reshape(len(x), -1)
        score = nn.Dense(1, name="score")(jnp.sin(2 * flat))[:, 0] * progress
        return score, nn.Dense(2, name="pitch")(flat)


def normalised(x):
    return np.clip(SCALE * x + SHIFT, -1, 1).reshape(len(x), -1)


def scores(w, x):
    kernel, bias = w["score"]["kernel"][:, 0], w["score"]["bias"]
    return PROGRESS * (np.sin(2 * normalised(x)) @ kernel + bias)


def slopes(w, x):
    """Norms of the gradient by images before they are normalised."""
    inside = (np.abs(SCALE * x + SHIFT) < 1).reshape(len(x), -1)
    scale = np.broadcast_to(SCALE, x.shape).reshape(len(x), -1)
    bent = 2 * np.cos(2 * normalised(x)) * w["score"]["kernel"][:, 0]
    return np.sqrt(np.square(PROGRESS * bent * scale * inside).sum(1))


def wrong(w, x, labels):
    logits = normalised(x) @ w["pitch"]["kernel"] + w["pitch"]["bias"]
    return np.mean(logsumexp(logits, 1) - logits[np.arange(len(x)), labels])


def made(w, z, labels):
    both = np.concatenate([z, np.eye(2)[labels]], 1)
    image = PROGRESS * np.tanh(both @ w["out"]["kernel"]).reshape(-1, 4, 2, 2)
    return (image - SHIFT) / SCALE


@pytest.fixture
def drawn_numbers(monkeypatch):
    """(z, labels of fakes, places between real and fake) that every turn draws."""
    z, place = RNG.normal(size=(3, 3)), np.array([0.2, 0.5, 0.9])
    fixed(monkeypatch, "normal", {(3, 3): z})
    fixed(monkeypatch, "uniform", {(3, 1, 1, 1): place.reshape(3, 1, 1, 1)})
    labels = np.array([1, 0, 1])
    monkeypatch.setattr(jax.random, "categorical", lambda *_, **__: jnp.asarray(labels))
    return np.float32(z).astype(float), labels, np.float32(place).astype(float)


def test_growing_players(drawn_numbers):
    z, labels, place = drawn_numbers
    layout = PhaseImageLayout(6, 4, 2, 8_000, "linear")
    growth = Growth(stable=6, transition=12, batch=3)
    how = dict(blocks=2, lowest=60, penalty=7.0, drift=0.3, auxiliary=3.0)
    objective = ProgressiveGAN(Maker(), Scorer(), layout, growth, **how)
    audio = RNG.normal(size=(3, 6, 1)).astype(np.float32)
    batch = {"audio": audio, "pitch": np.array([60, 61, 61], np.int32)}
    variables = drawn(objective, batch)
    image = np.asarray(phase_images.image_of(jnp.asarray(audio), layout), float)
    coarse = image.reshape(3, 2, 2, 1, 2, 2).mean((2, 4))
    coarse = coarse.repeat(2, 1).repeat(2, 2)
    real = (1 - PROGRESS) * coarse + PROGRESS * image
    fake = made(doubles(variables.params["generator"]), z, labels)
    between = real + place.reshape(3, 1, 1, 1) * (fake - real)

    def judging(w):
        loss = scores(w, fake).mean() - scores(w, real).mean()
        loss += 7.0 * np.mean((slopes(w, between) - 1) ** 2)
        return loss + 0.3 * np.mean(scores(w, real) ** 2) + 3.0 * wrong(w, real, [0, 1, 1])

    assert STEP * 3 == 15
    assert_step(objective, variables, batch, "discriminator", judging, rtol=3e-3)
    discriminator = doubles(variables.params["discriminator"])

    def making(w):
        image = made(w, z, labels)
        return -scores(discriminator, image).mean() + 3.0 * wrong(discriminator, image, labels)

    after, _ = assert_step(objective, variables, batch, "generator", making)
    assert float(after.collections["generator"]["growth"]["progress"]) == PROGRESS
    assert [turn.repeat for turn in objective.turns] == [1, 1]


class TonedMaker(Maker):
    """The same with half the tone [B 4 2 1] -> [B 4 2 1]."""

    @nn.compact
    def __call__(self, z, pitch, progress=1.0, *, blocks=None, tone):
        both = jnp.concatenate([z, pitch], 1)
        made = nn.Dense(8, use_bias=False, name="out")(both).reshape(-1, 4, 2, 1)
        return progress * jnp.tanh(made) + 0.5 * tone


class TonedScorer(Scorer):
    @nn.compact
    def __call__(self, x, progress=1.0, *, blocks=None, tone):
        both = jnp.concatenate([x, tone], -1).reshape(len(x), -1)
        score = nn.Dense(1, name="score")(jnp.sin(2 * both))[:, 0] * progress
        return score, nn.Dense(2, name="pitch")(both)


def test_players_that_know_the_tone(drawn_numbers):
    """They see magnitudes; fakes have the pitches of the real ones; nothing is classified."""
    z, labels, place = drawn_numbers
    layout = PhaseImageLayout(6, 4, 2, 8_000, "linear")
    how = dict(blocks=2, lowest=60, penalty=7.0, drift=0.3)
    growth = Growth(stable=6, transition=12, batch=3)
    objective = TonedGAN(TonedMaker(), TonedScorer(), layout, growth, **how)
    audio, pitch = RNG.normal(size=(3, 6, 1)).astype(np.float32), np.array([0, 1, 1])
    batch = {"audio": audio, "pitch": (60 + pitch).astype(np.int32)}
    variables = drawn(objective, batch)

    def pulses(label):
        sound = 0.1 * phase_images.pulses(hertz_of_note(jnp.asarray(60 + label)), layout)
        tone = phase_images.normalised(phase_images.image_of(sound, layout))
        return np.asarray(tone, float)

    def playing(w, label):
        tone = pulses(label)
        out = np.concatenate([z, np.eye(2)[label]], 1) @ w["out"]["kernel"]
        magnitude = PROGRESS * np.tanh(out).reshape(-1, 4, 2, 1) + 0.5 * tone[..., :1]
        return (np.concatenate([magnitude, tone[..., 1:]], -1) - SHIFT) / SCALE

    def seen(image, label):
        magnitude = np.clip(SCALE * image + SHIFT, -1, 1)[..., 0]
        return np.stack([magnitude, pulses(label)[..., 0]], -1).reshape(len(image), -1)

    def scored(w, image, label):
        both = np.sin(2 * seen(image, label))
        return PROGRESS * (both @ w["score"]["kernel"][:, 0] + w["score"]["bias"])

    def steepness(w, image, label):
        bent = 2 * np.cos(2 * seen(image, label)) * w["score"]["kernel"][:, 0]
        inside = np.abs(SCALE * image + SHIFT)[..., 0] < 1
        slope = PROGRESS * SCALE[0] * bent.reshape(-1, 4, 2, 2)[..., 0] * inside
        return np.sqrt(np.square(slope).sum((1, 2)))

    image = np.asarray(phase_images.image_of(jnp.asarray(audio), layout), float)
    coarse = image.reshape(3, 2, 2, 1, 2, 2).mean((2, 4)).repeat(2, 1).repeat(2, 2)
    real = (1 - PROGRESS) * coarse + PROGRESS * image
    fake = playing(doubles(variables.params["generator"]), pitch)
    between = real + place.reshape(3, 1, 1, 1) * (fake - real)

    def judging(w):
        loss = scored(w, fake, pitch).mean() - scored(w, real, pitch).mean()
        loss += 7.0 * np.mean((steepness(w, between, pitch) - 1) ** 2)
        return loss + 0.3 * np.mean(scored(w, real, pitch) ** 2)

    assert_step(objective, variables, batch, "discriminator", judging, rtol=3e-3)
    discriminator = doubles(variables.params["discriminator"])

    def making(w):
        return -scored(discriminator, playing(w, labels), labels).mean()

    assert_step(objective, variables, batch, "generator", making)
