"""One step of both players of GAN-TTS' game."""

from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import librosa
import numpy as np
from quick_keys import QUICK
from twin_step import assert_step, doubles, drawn, fixed

from zoo.losses import spectral
from zoo.objectives.window_gan import WindowGan
from zoo.signal import mel

RNG = np.random.default_rng(9)


class Voice(nn.Module):
    """Frames [B F 3] and noise [B 2] -> audio [B 4F 1]."""

    hop: int = 4
    bins: int = 3
    latent: int = 2
    reach: int = 0

    @nn.compact
    def __call__(self, frames, z, *, train=False):
        bent = nn.Dense(4, use_bias=False, name="noise")(z)[:, None]
        made = jnp.tanh(nn.Dense(4, use_bias=False, name="out")(frames / 10) + bent)
        return made.reshape(len(z), -1, 1)


class Windows(nn.Module):
    """Two scores [B] of audio and the frames it is made of."""

    hop: int = 4

    @nn.compact
    def __call__(self, x, frames, *, train=False):
        both = jnp.concatenate([x.reshape(len(x), -1), frames.reshape(len(x), -1) / 10], -1)
        return [nn.Dense(1, name=f"window_{i}")(jnp.sin((i + 1) * both))[:, 0] for i in (0, 1)]


def test_window_gan_sums_hinges_and_holds_filters_apart(monkeypatch):
    z = RNG.normal(size=(2, 2))
    fixed(monkeypatch, "normal", {(2, 2): z})
    spec = mel.MelSpec(8000, 8, 4, 3, mel.log_clamp, exponent=1, centre=False, pad=(2, 2))
    audio = RNG.uniform(-0.9, 0.9, (2, 16, 1)).astype(np.float32)
    objective = WindowGan(Voice(), Windows(), spec, orthogonal=0.3, spectral=0.7)
    variables = drawn(objective, {"audio": audio})
    bank = np.float64(librosa.filters.mel(sr=8000, n_fft=8, n_mels=3))

    def features(x):
        padded = np.pad(x[..., 0], ((0, 0), (2, 2)), "reflect")
        how = dict(n_fft=8, hop_length=4, center=False, dtype=complex)
        power = [np.square(np.abs(librosa.stft(one, **how))) + spec.floor for one in padded]
        return np.log(np.maximum(np.stack([(bank @ np.sqrt(p)).T for p in power]), 1e-5))

    real, frames = np.float64(audio), features(np.float64(audio))
    z = np.float64(np.float32(z))

    def made(w):
        bent = (z @ w["noise"]["kernel"])[:, None]
        return np.tanh(frames / 10 @ w["out"]["kernel"] + bent).reshape(2, 16, 1)

    def judged(w, x):
        both = np.concatenate([x.reshape(2, -1), frames.reshape(2, -1) / 10], -1)
        named = [w["window_0"], w["window_1"]]
        return [np.sin((i + 1) * both) @ own["kernel"] + own["bias"] for i, own in enumerate(named)]

    fake = made(doubles(variables.params["generator"]))

    def critic(w):
        pairs = zip(judged(w, fake), judged(w, real))
        return sum(np.maximum(1 + f, 0).mean() + np.maximum(1 - r, 0).mean() for f, r in pairs)

    assert_step(objective, variables, {"audio": audio}, "discriminator", critic)
    known = doubles(variables.params["discriminator"])

    def pleasing(w):
        ours = made(w)
        kernels = [w["out"]["kernel"], w["noise"]["kernel"]]
        grams = [kernel.T @ kernel for kernel in kernels]
        apart = sum(np.square(gram - np.diag(np.diag(gram))).sum() for gram in grams)
        distance = np.abs(features(ours) - frames).mean()
        return -sum(s.mean() for s in judged(known, ours)) + 0.3 * apart + 0.7 * distance

    assert_step(objective, variables, {"audio": audio}, "generator", pleasing)
    assert WindowGan(Voice(), Windows(), spec).orthogonal == 1e-4


def test_window_gan_hears_a_constant_offset_by_linear_magnitudes_alone():
    spec = mel.MelSpec(8000, 8, 4, 3, mel.log_clamp, exponent=1, centre=False, pad=(2, 2))
    audio = jnp.asarray(RNG.uniform(-0.5, 0.5, (2, 16, 1)), jnp.float32)
    plain = WindowGan(Voice(), Windows(), spec, spectral=0.7)
    variables, key = drawn(plain, {"audio": audio}), jax.random.key(0, impl=QUICK)
    without, with_linear = (
        replace(plain, linear=linear)._generator_turn(variables, {"audio": audio}, key, 0)[0]
        for linear in (0.0, 0.5)
    )
    _, fake, _ = plain._fake(variables, audio, jax.random.split(key)[0])
    expected = 0.5 * spectral.multi_scale(fake, audio, log=0.0).mean()
    np.testing.assert_allclose(with_linear - without, expected, rtol=1e-4)


def test_mel_filters_of_vocoders_are_blind_to_a_constant():
    """A Hann window spreads it over bins 0 and 1, of which the lowest filter of 80 sees one."""
    spec = replace(mel.HIFIGAN, sample_rate=16_000, hop=128, pad=(448, 448))
    audio = jnp.asarray(RNG.normal(0, 0.1, (1, 4096, 1)), jnp.float32)
    there, without = mel.log_mel(audio + 0.1, spec), mel.log_mel(audio, spec)
    np.testing.assert_allclose(there[..., 2:, :], without[..., 2:, :], atol=1e-3)
    assert spectral.convergence(audio + 0.1, audio, 1024, 128) > 1
