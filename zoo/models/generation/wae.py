"""Wasserstein autoencoder on windows of audio: an encoder without noise, and a decoder.

Tolstikhin, Bousquet, Gelly, Schölkopf 2018 (ICLR), arXiv 1711.01558. The paper's nets are made for
images; these are the VAE's convolutions, whose sizes are ours. What is decoded is taken `scale`
times, the level of music, so that both nets see numbers near one.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.window_coder import STRIDE, Decoder, Encoder


class WAE(nn.Module):
    """Audio [B T 1] -> (the same again [B T 1], latents [B L]); T is `samples`."""

    samples: int = 1024
    latents: int = 32
    width: int = 64
    levels: int = 4
    scale: float = 0.1
    dtype: Any = jnp.float32

    def setup(self) -> None:
        if self.samples % STRIDE**self.levels:
            raise BadInput(f"{self.samples} samples: use a multiple of {STRIDE**self.levels}")
        how = (self.width, self.levels, self.dtype)
        self.encoder = Encoder(self.latents, *how)
        self.decoder = Decoder(self.samples, 1, *how)

    @property
    def receptive_field(self) -> int:
        """Samples of which one number is made: a window."""
        return self.samples

    def __call__(self, audio: jax.Array, *, train: bool = False) -> tuple[jax.Array, jax.Array]:
        z = self.encode(audio)
        return self.decode(z), z

    def encode(self, audio: jax.Array) -> jax.Array:
        """Audio [B T 1] -> latents [B L]."""
        if audio.shape[1:] != (self.samples, 1):
            raise BadInput(f"audio {audio.shape}: give windows [B {self.samples} 1]")
        return self.encoder(audio / self.scale)

    def decode(self, z: jax.Array) -> jax.Array:
        """Latents [B L] -> audio [B T 1]."""
        return self.scale * self.decoder(z)
