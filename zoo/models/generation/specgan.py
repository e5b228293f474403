"""SpecGAN: log spectrograms of a second of audio from a random vector, as images are made.

Chris Donahue, Julian McAuley, Miller Puckette: "Adversarial Audio Synthesis", ICLR 2019, section 3
and the tables of SpecGAN's networks in the appendix; details from the authors' published code.
Images are [B F N 1]: 128 frames of 128 bins; `zoo.objectives.spectrogram_gan` makes sound of them.
Other shapes, as 64 frames of 256 bins, begin with as many pixels in their own proportions.

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

_SEED = 16  # pixels that the generator begins with, four by four in the paper
_SAME = (1, 2)  # of five taps at stride two: TensorFlow's zeros, and what it crops


def _stages(size: tuple[int, int]) -> int:
    """How often an image of `_SEED` pixels is doubled in both directions to `size`."""
    frames, bins = size
    doublings = max(round(math.log2(max(frames * bins / _SEED, 1)) / 2), 1)
    if frames * bins != _SEED * 4**doublings or frames % 2**doublings:
        raise BadInput(
            f"images of {frames} frames of {bins} bins: give {_SEED} pixels, as 4 x 4 or 2 x 8, "
            "times a power of two both ways, such as 128 x 128"
        )
    return doublings


class Generator(nn.Module):
    """Latents [B L] (and classes [B] of integers) -> images [B F N 1] within [-1, 1].

    size: F frames and N bins.
    """

    dim: int = 64
    size: tuple[int, int] = (128, 128)
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
        x = nn.Dense(_SEED * width, kernel_init=GLOROT, dtype=self.dtype, name="dense")(z)
        x = nn.relu(x.reshape(-1, *(side // 2**depth for side in self.size), width))
        for i in range(1, depth):
            how = dict(crop=_SAME, kernel_init=GLOROT, dtype=self.dtype, name=f"up_{i}")
            x = nn.relu(TransposedConv2D(width // 2**i, self.kernel_size, 2, **how)(x))
        how = dict(crop=_SAME, kernel_init=GLOROT, precision=HIGHEST, name=f"up_{depth}")
        return jnp.tanh(TransposedConv2D(1, self.kernel_size, 2, **how)(x.astype(jnp.float32)))


class Discriminator(nn.Module):
    """Images [B F N 1] (and classes [B]) -> one scale ((score [B], features of layers),).

    size: F frames and N bins.
    """

    dim: int = 64
    size: tuple[int, int] = (128, 128)
    kernel_size: int = 5
    classes: int = 0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, classes: jax.Array | None = None, *, train: bool = False
    ) -> tuple[tuple[jax.Array, tuple[jax.Array, ...]], ...]:
        if x.ndim != 4 or x.shape[1:] != (*self.size, 1):
            frames, bins = self.size
            raise BadInput(f"this takes images [B {frames} {bins} 1], not {x.shape}")
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
