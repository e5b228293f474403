"""WaveGAN: a second of audio at once from a random vector, with a discriminator of waveforms.

Chris Donahue, Julian McAuley, Miller Puckette: "Adversarial Audio Synthesis", ICLR 2019, tables of
the two networks in its appendix; details from the authors' published code.

Deviations and guesses:
- Phase shuffle draws one shift per layer and batch, as the authors' code; the paper reads as one
  per example.
- Classes are not in the paper. Here a learned vector of the class joins the latent, and the
discriminator
  adds the inner product of its mean last features with a vector of the class (Miyato 2018).
- Batch norm, off in the paper's results, is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv, TransposedConv
from zoo.layers.initializers import GLOROT
from zoo.layers.phase_shuffle import phase_shuffle
from zoo.layers.upsample import repeat_samples
from zoo.signal.precision import HIGHEST

_SEED = 16  # samples that the generator begins with
_Features = tuple[jax.Array, ...]


def strides_for(samples: int) -> tuple[int, ...]:
    """Strides that make so many samples: fours, and a last two where it must be.

    The paper's are 16,384 (five fours), 32,768 (and a two) and 65,536 (six fours).
    """
    octaves = math.log2(max(samples, 1) / _SEED)
    if octaves < 2 or octaves != int(octaves):
        raise BadInput(
            f"WaveGAN makes {_SEED} samples times a power of two, such as 16,384, 32,768 or "
            f"65,536; not {samples:,}"
        )
    return (4,) * (int(octaves) // 2) + (2,) * (int(octaves) % 2)


class Generator(nn.Module):
    """Latents [B L] (and classes [B] of integers) -> audio [B T 1], T = 16 prod(strides).

    Call with classes=None where `classes` is 0. post_filter: taps of a learned filter behind the
    tanh (512 in the paper; 0: none); its output may leave [-1, 1].
    """

    dim: int = 64
    strides: tuple[int, ...] = (4, 4, 4, 4, 4)
    kernel_size: int = 25
    latent: int = 100
    upsampling: str = "zeros"  # or "nearest": repetition, then a convolution
    post_filter: int = 0
    classes: int = 0
    dtype: Any = jnp.float32

    @property
    def samples(self) -> int:
        """Output length T."""
        return _SEED * math.prod(self.strides)

    receptive_field = 0  # no audio comes in: sound is made of a random vector

    @nn.compact
    def __call__(
        self, z: jax.Array, classes: jax.Array | None = None, *, train: bool = False
    ) -> jax.Array:
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise BadInput(f"this generator takes latents [B {self.latent}], not {z.shape}")
        if self.classes:
            voice = nn.Embed(self.classes, self.latent, dtype=self.dtype, name="classes")(classes)
            z = jnp.concatenate([z.astype(self.dtype), voice], -1)
        depth = len(self.strides)
        width = self.dim * 2 ** (depth - 1)
        x = nn.Dense(_SEED * width, kernel_init=GLOROT, dtype=self.dtype, name="dense")(z)
        x = nn.relu(x.reshape(-1, _SEED, width))
        for i, stride in enumerate(self.strides):
            last = i == depth - 1
            # Sound is made in float32: the rounding of bfloat16 is a hiss.
            how = dict(dtype=jnp.float32, precision=HIGHEST) if last else dict(dtype=self.dtype)
            x = self._up(1 if last else width // 2 ** (i + 1), stride, f"up_{i + 1}", **how)(x)
            x = jnp.tanh(x) if last else nn.relu(x)
        if self.post_filter:
            x = Conv(1, self.post_filter, use_bias=False, precision=HIGHEST, name="post")(x)
        return x

    def _up(
        self, features: int, stride: int, name: str, **how: Any
    ) -> Callable[[jax.Array], jax.Array]:
        how |= dict(kernel_init=GLOROT, name=name)
        if self.upsampling == "zeros":
            return TransposedConv(features, self.kernel_size, stride, padding="same", **how)
        if self.upsampling != "nearest":
            raise BadInput(f"upsampling={self.upsampling!r}: use 'zeros' or 'nearest'")
        conv = Conv(features, self.kernel_size, **how)
        return lambda x: conv(repeat_samples(x, stride))


class Discriminator(nn.Module):
    """Audio [B T 1] (and classes [B]) -> one scale ((score [B], features of each layer),).

    T = 16 prod(strides). train=True shuffles phases and needs the random key 'shuffle'; the score
    is a pure function of that key, as the gradient penalty needs it.
    """

    dim: int = 64
    strides: tuple[int, ...] = (4, 4, 4, 4, 4)
    kernel_size: int = 25
    shuffle: int = 2  # largest shift in samples
    shuffled: int = 4  # layers whose output is shuffled
    classes: int = 0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, classes: jax.Array | None = None, *, train: bool = False
    ) -> tuple[tuple[jax.Array, _Features], ...]:
        length = _SEED * math.prod(self.strides)
        if x.ndim != 3 or x.shape[1:] != (length, 1):
            raise BadInput(f"this discriminator takes audio [B {length:,} 1], not {x.shape}")
        features = []
        for i, stride in enumerate(self.strides):
            x = Conv(
                self.dim * 2**i,
                self.kernel_size,
                stride,
                kernel_init=GLOROT,
                dtype=self.dtype,
                name=f"down_{i + 1}",
            )(x)
            x = nn.leaky_relu(x, 0.2)
            features.append(x)
            if train and self.shuffle and i < self.shuffled:
                x = phase_shuffle(x, self.make_rng("shuffle"), self.shuffle)
        flat = x.reshape(len(x), -1)
        # In float32: only the difference of scores counts, and they may be large.
        score = nn.Dense(1, kernel_init=GLOROT, precision=HIGHEST, name="score")(flat)[:, 0]
        if self.classes:
            voice = nn.Embed(self.classes, x.shape[-1], dtype=self.dtype, name="classes")(classes)
            score = score + jnp.sum(voice * x.mean(1), -1)
        return ((score, tuple(features)),)
