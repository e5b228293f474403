"""Variational autoencoder on windows of audio, with a weak decoder or a strong one.

Kingma, Welling 2014 (ICLR), arXiv 1312.6114: a normal posterior of independent latents under a
standard normal prior. The weak decoder gives every sample's mean given the latents; the strong one
is a WaveNet that is conditioned on them and needs them little, as it sees the samples before: its
posterior collapses to the prior (Bowman et al. 2016; Chen et al. 2017).

Deviations and guesses
- the paper's nets are perceptrons on images; convolutions of stride 4 and their sizes are ours;
- all samples have one deviation, which is learnt, and begins at exp(-4): from exp(-2) and exp(-3),
  nearer to the level of music, even the weak decoder gave all latents up.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.distributions import Distribution, Gaussian
from zoo.errors import BadInput
from zoo.layers.window_coder import STRIDE, Decoder, Encoder


class VAE(nn.Module):
    """(Audio [B T 1], normal noise [B L]) -> (raw [B T P], means [B L], log deviations [B L]).

    T is `samples`. local: the strong decoder, a WaveNet with a local_condition that is given for
    every sample (upsampler 'repeat', no upsampling); None is the weak decoder.
    """

    samples: int = 1024
    latents: int = 32
    width: int = 64
    levels: int = 4
    local: nn.Module | None = None
    dtype: Any = jnp.float32

    def setup(self) -> None:
        if self.samples % STRIDE**self.levels:
            raise BadInput(f"{self.samples} samples: use a multiple of {STRIDE**self.levels}")
        how = (self.width, self.levels, self.dtype)
        features = 1 if self.local is None else self.local.local_condition
        self.encoder = Encoder(2 * self.latents, *how)
        self.decoder = Decoder(self.samples, features, *how)
        if self.local is None:
            self.log_scale = self.param("log_scale", nn.initializers.constant(-4.0), ())

    @property
    def distribution(self) -> Distribution:
        """Of a sample, whose parameters are raw."""
        return Gaussian() if self.local is None else self.local.distribution

    @property
    def receptive_field(self) -> int:
        """Samples of which one number is made: a window."""
        return self.samples

    def __call__(
        self, audio: jax.Array, noise: jax.Array, *, train: bool = False
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        mean, log_scale = self.encode(audio)
        features = self.decode(mean + jnp.exp(log_scale) * noise)
        if self.local is not None:
            return self.local(audio, condition=features), mean, log_scale
        raw = jnp.concatenate([features, jnp.full_like(features, self.log_scale)], -1)
        return raw, mean, log_scale

    def encode(self, audio: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The posterior of audio [B T 1]: means and log deviations [B L]."""
        if audio.shape[1:] != (self.samples, 1):
            raise BadInput(f"audio {audio.shape}: give windows [B {self.samples} 1]")
        mean, log_scale = jnp.split(self.encoder(audio), 2, -1)
        return mean, log_scale

    def decode(self, z: jax.Array) -> jax.Array:
        """Latents [B L] -> the means of samples [B T 1], or what the WaveNet follows [B T D]."""
        return self.decoder(z)
