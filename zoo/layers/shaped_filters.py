"""Filters shaped like timbres and like rhythms, over log-mel spectrograms [B F M] -> [B F C].

Pons's musically motivated front ends. Every band of a filter's height is the channels of a
convolution over time: the same sums as one in two dimensions, which XLA's CPU back end
differentiates ten times slower.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv import Conv, Padding
from zoo.layers.initializers import Starts, contrib
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import largest
from zoo.signal.patches import bands

_Shape = tuple[int, float, int]  # taps over time, height as a part of all bins, factor of channels
TIMBRAL = ((7, 0.9, 1), (3, 0.9, 2), (1, 0.9, 4), (7, 0.4, 1), (3, 0.4, 2), (1, 0.4, 4))


class Activated(nn.Module):
    """Convolution over time, ReLU and batch norm in either order, [B F C] -> [B F' features]."""

    features: int
    taps: int
    padding: Padding = "same"
    normalised_last: bool = True
    starts: Starts = contrib
    momentum: float = 0.99
    epsilon: float = 1e-3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        starts = self.starts(self.taps * x.shape[-1])
        x = Conv(
            self.features, self.taps, padding=self.padding, **starts, dtype=self.dtype, name="conv"
        )(x)
        norm = BatchNorm(self.momentum, self.epsilon, dtype=self.dtype, name="norm")
        return (
            norm(nn.relu(x), train=train) if self.normalised_last else nn.relu(norm(x, train=train))
        )


class ShapedFilters(nn.Module):
    """Timbral and temporal filters side by side, log mel [B F M] -> [B F 29 width].

    Timbral ones span most of the bins and are followed by the largest over all places; temporal
    ones, `lengths` frames long with 1, 2, 4, 8 times `width` channels, see the *mean* over bins.
    """

    width: int = 16
    lengths: tuple[int, ...] = (165, 128, 64, 32)
    normalised_last: bool = True
    starts: Starts = contrib
    momentum: float = 0.99
    epsilon: float = 1e-3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        kind = dict(
            normalised_last=self.normalised_last,
            starts=self.starts,
            momentum=self.momentum,
            epsilon=self.epsilon,
            dtype=self.dtype,
        )
        branches = []
        seen = {part: bands(x, int(part * x.shape[2])) for _, part, _ in TIMBRAL}
        for i, (taps, part, factor) in enumerate(TIMBRAL, 1):
            y = seen[part]
            batch, places, frames, height = y.shape
            conv = Activated(factor * self.width, taps, **kind, name=f"timbral_{i}")
            y = conv(y.reshape(batch * places, frames, height), train=train)
            branches.append(largest(y.reshape(batch, places, frames, -1), 1))
        for i, length in enumerate(self.lengths, 1):
            conv = Activated(2 ** (i - 1) * self.width, length, **kind, name=f"temporal_{i}")
            branches.append(conv(x.mean(2, keepdims=True), train=train))
        return jnp.concatenate(branches, -1)
