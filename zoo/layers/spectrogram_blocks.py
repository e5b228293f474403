"""Blocks of 3 x 3 convolutions over spectrograms, [B F N C] -> [B F' N' C'], as taggers stack them.

Padding is one on every side, as torch and Keras have it for three taps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv2d import Conv2D
from zoo.layers.initializers import Starts, torch
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import max_pool_2d

Pair = tuple[int, int]  # (frames, bins)


class ConvBlock(nn.Module):
    """Convolution, batch norm, activation, max pool: [B F N C] -> [B F//p N//q features].

    normalised_last: the activation stands before the norm (Choi 2016). batch_statistics: see
    `BatchNorm`.
    """

    features: int
    pool: Pair = (2, 2)
    taps: int = 3
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    normalised_last: bool = False
    batch_statistics: bool = False
    momentum: float = 0.9
    epsilon: float = 1e-5
    starts: Starts = torch
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        reach = self.taps // 2
        starts = self.starts(self.taps**2 * x.shape[-1])
        conv = Conv2D(
            self.features, self.taps, pads=(reach, reach), **starts, dtype=self.dtype, name="conv"
        )
        norm = BatchNorm(
            self.momentum,
            self.epsilon,
            batch_statistics=self.batch_statistics,
            dtype=self.dtype,
            name="norm",
        )
        x = conv(x)
        if self.normalised_last:
            x = norm(self.activation(x), train=train)
        else:
            x = self.activation(norm(x, train=train))
        return x if self.pool == (1, 1) else max_pool_2d(x, self.pool)


class Residual(nn.Module):
    """Two convolutions and a shortcut, [B F N C] -> [B ceil(F/s) ceil(N/t) features].

    The shortcut is a third 3 x 3 convolution with its batch norm, or none where shapes agree.
    """

    features: int
    stride: Pair = (2, 2)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        def normed(name: str, x: jax.Array, stride: Pair = (1, 1)) -> jax.Array:
            starts = torch(9 * x.shape[-1])
            conv = Conv2D(
                self.features,
                3,
                stride,
                pads=(1, 1),
                **starts,
                dtype=self.dtype,
                name=f"conv_{name}",
            )
            return BatchNorm(dtype=self.dtype, name=f"norm_{name}")(conv(x), train=train)

        y = normed("2", nn.relu(normed("1", x, self.stride)))
        if self.stride != (1, 1) or x.shape[-1] != self.features:
            x = normed("shortcut", x, self.stride)
        return nn.relu(x + y)


class PooledResidual(nn.Module):
    """Two convolutions added to their input, ReLU, max pool: [B F N C] -> [B F//p N//q C]."""

    pool: Pair = (2, 2)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = Residual(x.shape[-1], (1, 1), dtype=self.dtype, name="residual")(x, train=train)
        return max_pool_2d(x, self.pool)


class DenseTop(nn.Module):
    """Dense, batch norm, ReLU, dropout and a last dense layer, [B D] -> logits [B K] float32."""

    labels: int
    hidden: int
    dropout: float = 0.5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = nn.Dense(self.hidden, **torch(x.shape[-1]), dtype=self.dtype, name="hidden")(x)
        x = nn.relu(BatchNorm(dtype=self.dtype, name="norm")(x, train=train))
        self.sow("intermediates", "penultimate", x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.Dense(self.labels, **torch(self.hidden), dtype=self.dtype, name="top")(x)
        return x.astype(jnp.float32)
