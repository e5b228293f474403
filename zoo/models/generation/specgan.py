"""SpecGAN: log spectrograms of a second of audio from a random vector, as images are made.

Chris Donahue, Julian McAuley, Miller Puckette: "Adversarial Audio Synthesis", ICLR 2019, section 3
and the tables of SpecGAN's networks in the appendix; details from the authors' published code.
Images are [B F N 1]: 128 frames of 128 bins; `zoo.objectives.spectrogram_gan` makes sound of them.

Deviations and guesses:
- Batch norm, off in the authors' training, is left out.
- Classes are not in the paper; they join as in `zoo.models.generation.wavegan`.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv2d import Conv2D, TransposedConv2D
from zoo.layers.initializers import GLOROT
from zoo.signal.precision import HIGHEST

_SEED = 4  # rows and columns that the generator begins with
_SAME = (1, 2)  # of five taps at stride two: TensorFlow's zeros, and what it crops


def _stages(size: int) -> int:
    """How often an image of four by four is doubled to `size`."""
    doublings = math.log2(max(size, 1) / _SEED)
    if doublings < 1 or doublings != int(doublings):
        raise BadInput(f"images of {size} rows: give {_SEED} times a power of two, such as 128")
    return int(doublings)


class Generator(nn.Module):
    """Latents [B L] (and classes [B] of integers) -> images [B size size 1] within [-1, 1]."""

    dim: int = 64
    size: int = 128
    kernel_size: int = 5
    latent: int = 100
    classes: int = 0
    dtype: Any = jnp.float32

    receptive_field = 0  # it depends on no input audio: sound comes from a random vector

    @nn.compact
    def __call__(
        self, z: jax.Array, classes: jax.Array | None = None, *, train: bool = False
    ) -> jax.Array:
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise BadInput(f"this generator takes latents [B {self.latent}], not {z.shape}")
        if self.classes:
            voice = nn.Embed(self.classes, self.latent, dtype=self.dtype, name="classes")(classes)
            z = jnp.concatenate([z.astype(self.dtype), voice], -1)
        depth = _stages(self.size)
        width = self.dim * 2 ** (depth - 1)
        x = nn.Dense(_SEED**2 * width, kernel_init=GLOROT, dtype=self.dtype, name="dense")(z)
        x = nn.relu(x.reshape(-1, _SEED, _SEED, width))
        for i in range(1, depth):
            how = dict(crop=_SAME, kernel_init=GLOROT, dtype=self.dtype, name=f"up_{i}")
            x = nn.relu(TransposedConv2D(width // 2**i, self.kernel_size, 2, **how)(x))
        how = dict(crop=_SAME, kernel_init=GLOROT, precision=HIGHEST, name=f"up_{depth}")
        return jnp.tanh(TransposedConv2D(1, self.kernel_size, 2, **how)(x.astype(jnp.float32)))


class Discriminator(nn.Module):
    """Images [B size size 1] (and classes [B]) -> one scale ((score [B], features of layers),)."""

    dim: int = 64
    size: int = 128
    kernel_size: int = 5
    classes: int = 0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, classes: jax.Array | None = None, *, train: bool = False
    ) -> tuple[tuple[jax.Array, tuple[jax.Array, ...]], ...]:
        if x.ndim != 4 or x.shape[1:] != (self.size, self.size, 1):
            raise BadInput(f"this takes images [B {self.size} {self.size} 1], not {x.shape}")
        features = []
        for i in range(_stages(self.size)):
            how = dict(pads=_SAME, kernel_init=GLOROT, dtype=self.dtype, name=f"down_{i + 1}")
            x = nn.leaky_relu(Conv2D(self.dim * 2**i, self.kernel_size, 2, **how)(x), 0.2)
            features.append(x)
        flat = x.reshape(len(x), -1)
        # In float32: only the difference of scores counts, and they may be large.
        score = nn.Dense(1, kernel_init=GLOROT, precision=HIGHEST, name="score")(flat)[:, 0]
        if self.classes:
            voice = nn.Embed(self.classes, x.shape[-1], dtype=self.dtype, name="classes")(classes)
            score = score + jnp.sum(voice * x.mean((1, 2)), -1)
        return ((score, tuple(features)),)
