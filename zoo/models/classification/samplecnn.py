"""SampleCNN: tags from raw samples, through filters only two to five samples long.

Jongpil Lee, Jiyoung Park, Keunhyoung Luke Kim, Juhan Nam: "Sample-level Deep Convolutional Neural
Networks for Music Auto-tagging Using Raw Waveforms", SMC 2017; the family m^n of its tables.

Deviations and guesses:
- The input is standardised by constants (those of a public reimplementation on MagnaTagATune at
  22.05 kHz); the paper does not say so, but without it training stalls.
- Channels of depths other than 2^13 and 3^9 follow their rule: 128 twice, 256, the last 512.
- 'same' pads an even filter's odd zero on the right, as TensorFlow does and Theano did not.
- The output is logits; an input longer than `samples` gives the tags of its mean last feature.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv, Padding
from zoo.layers.initializers import GLOROT, HE
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import max_pool


class Block(nn.Module):
    """Convolution, batch norm, ReLU and max-pool, [B T C] -> [B T/(stride pool) features].

    Sows its output as 'output', for the interpretability tools.
    """

    features: int
    kernel_size: int
    stride: int = 1
    pool: int = 1
    padding: Padding = "same"
    momentum: float = 0.99
    epsilon: float = 1e-3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = Conv(
            self.features,
            self.kernel_size,
            self.stride,
            padding=self.padding,
            kernel_init=HE,
            dtype=self.dtype,
            name="conv",
        )(x)
        norm = BatchNorm(self.momentum, self.epsilon, dtype=self.dtype, name="norm")
        x = nn.relu(norm(x, train=train))
        x = max_pool(x, self.pool) if self.pool > 1 else x
        self.sow("intermediates", "output", x)
        return x


class SampleCNN(nn.Module):
    """SampleCNN m^n, [B T 1] -> logits [B K]; T = stem * m ** depth, 59,049 by default.

    The paper's two: 3^9 with stem 3, and 2^13 with stem 2 (16,384 samples); at 22.05 kHz.
    Apply with mutable=['intermediates'] to see what 'stem', 'module_1', ..., 'top' put out.
    """

    m: int = 3  # filter length and pool of every module
    depth: int = 9  # n, modules
    stem: int = 3  # s, length and stride of the first filters
    stem_padding: Padding = "valid"
    labels: int = 50
    first: int = 128  # channels of the stem and of modules 1 and 2
    middle: int = 256
    last: int = 512  # of the last module and of the 1 x 1 convolution on top
    dropout: float = 0.5
    mean: float = -1.68e-4  # the input is standardised: (x - mean) / std
    std: float = 0.1563
    momentum: float = 0.99  # batch norm as in Keras
    epsilon: float = 1e-3
    dtype: Any = jnp.float32

    @property
    def samples(self) -> int:
        """Input length T."""
        return self.stem * self.m**self.depth

    @property
    def receptive_field(self) -> int:
        """All of its input."""
        return self.samples

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each module."""
        lower = [self.first if i < 2 else self.middle for i in range(self.depth - 1)]
        return (*lower, self.last)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        self._check(x)
        norm = dict(momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype)
        x = (x - self.mean) / self.std
        x = Block(self.first, self.stem, self.stem, padding=self.stem_padding, **norm, name="stem")(
            x, train=train
        )
        for i, features in enumerate(self.channels):
            block = Block(features, self.m, pool=self.m, **norm, name=f"module_{i + 1}")
            x = block(x, train=train)
        x = Block(self.last, 1, **norm, name="top")(x, train=train)
        x = nn.Dropout(self.dropout, deterministic=not train)(x.mean(1))
        x = nn.Dense(
            self.labels,
            kernel_init=GLOROT,
            dtype=self.dtype,
            name="dense",
        )(x)
        return x.astype(jnp.float32)

    def _check(self, x: jax.Array) -> None:
        # A method, because looking at lower layers with less (zoo.interpret.layers) leaves it out.
        if x.ndim != 3 or x.shape[-1] != 1 or x.shape[1] < self.samples:
            raise BadInput(f"SampleCNN takes [B {self.samples:,} 1] or longer, not {x.shape}")
