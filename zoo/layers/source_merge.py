"""Harmonics of a source as one excitation, [B T H] -> [B T 1]."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.initializers import torch
from zoo.signal.precision import HIGHEST


class SourceMerge(nn.Module):
    """The hyperbolic tangent of a weighted sum, [B T H] -> [B T 1]; one channel stays as it is.

    The feed-forward layer of the source module of Wang, Takaki, Yamagishi 2019. It makes sound, so
    it is in float32 whatever the generator is.
    """

    @nn.compact
    def __call__(self, source: jax.Array) -> jax.Array:
        harmonics = source.shape[-1]
        if harmonics == 1:
            return source
        merge = nn.Dense(1, precision=HIGHEST, **torch(harmonics), name="sum")
        return jnp.tanh(merge(source))
