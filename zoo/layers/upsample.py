"""Upsampling over time: repeat, linear interpolation, and interpolation with learned weights.

Linear by two comes in two conventions. 'aligned': [B T C] -> [B 2T-1 C], the samples stay and their
means stand between them (align_corners). 'legacy': [B T C] -> [B 2T C], the same with the last
sample repeated (TensorFlow 1's resize).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


def repeat_samples(x: jax.Array, factor: int) -> jax.Array:
    """Each sample `factor` times, [B T C] -> [B factor*T C] (nearest neighbour)."""
    batch, length, channels = x.shape
    x = jnp.broadcast_to(x[:, :, None], (batch, length, factor, channels))
    return x.reshape(batch, length * factor, channels)


def linear_aligned(x: jax.Array) -> jax.Array:
    """Midpoints between neighbours, [B T C] -> [B 2T-1 C]."""
    return _interleave(x, (x[:, :-1] + x[:, 1:]) / 2)


def linear_legacy(x: jax.Array) -> jax.Array:
    """Midpoints between neighbours and the last sample twice, [B T C] -> [B 2T C]."""
    return _repeat_last(linear_aligned(x))


def _interleave(x: jax.Array, between: jax.Array) -> jax.Array:
    batch, length, channels = x.shape
    pairs = jnp.stack([x[:, :-1], between], 2).reshape(batch, 2 * (length - 1), channels)
    return jnp.concatenate([pairs, x[:, -1:]], 1)


def _repeat_last(x: jax.Array) -> jax.Array:
    return jnp.concatenate([x, x[:, -1:]], 1)


class LearnedInterpolation(nn.Module):
    """Midpoint w x[t] + (1 - w) x[t+1] with w = sigmoid(theta) per channel, lengths as `aligned`.

    [B T C] -> [B 2T-1 C] if aligned, else [B 2T C]. theta = 0 is linear interpolation.
    Source: Stoller, Ewert, Dixon 2018, section 3.2.3.
    """

    aligned: bool = True
    theta_init: Callable[..., Any] = nn.initializers.zeros
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        theta = self.param("theta", self.theta_init, (x.shape[-1],))
        x = x.astype(self.dtype)
        weight = nn.sigmoid(theta).astype(self.dtype)
        y = _interleave(x, weight * x[:, :-1] + (1 - weight) * x[:, 1:])
        return y if self.aligned else _repeat_last(y)
