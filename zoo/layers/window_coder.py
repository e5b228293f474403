"""Windows of audio to a few numbers and back, by convolutions of stride 4: [B T 1] <-> [B L]."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv import Conv, TransposedConv
from zoo.signal.precision import HIGHEST

STRIDE = 4


class Encoder(nn.Module):
    """Audio [B T 1] -> `outputs` numbers a window [B L]."""

    outputs: int
    width: int
    levels: int
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for level in range(self.levels):
            down = Conv(
                self.width, 2 * STRIDE, STRIDE, padding=2, dtype=self.dtype, name=f"down_{level}"
            )
            x = nn.relu(down(x))
        flat = x.reshape(len(x), -1)
        return nn.Dense(self.outputs, dtype=self.dtype, name="latent")(flat).astype(jnp.float32)


class Decoder(nn.Module):
    """Latents [B L] -> features of every sample [B T C]."""

    samples: int
    features: int
    width: int
    levels: int
    dtype: Any

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        frames = self.samples // STRIDE**self.levels
        x = nn.Dense(frames * self.width, dtype=self.dtype, name="latent")(z)
        x = nn.relu(x.reshape(len(z), frames, self.width))
        for level in range(self.levels):
            up = TransposedConv(
                self.width, 2 * STRIDE, STRIDE, "same", dtype=self.dtype, name=f"up_{level}"
            )
            x = nn.relu(up(x))
        # In float32: what it gives is audio.
        end = Conv(self.features, 9, precision=HIGHEST, name="end")
        return end(x.astype(jnp.float32))
