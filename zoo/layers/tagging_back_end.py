"""The back end that taggers share: three convolutions over time and two pools, [B F C] -> [B K].

Pons et al.: "End-to-end learning for music audio tagging at scale", ISMIR 2018, as the authors'
public code has it. Its two residual convolutions are normalised by *one* scale and mean for all
channels, because the code turns the channels away before the norm.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv import Conv
from zoo.layers.initializers import contrib
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import largest, max_pool
from zoo.layers.shaped_filters import Activated

_KERAS = (0.99, 1e-3)  # momentum and epsilon of batch norm


class TaggingBackEnd(nn.Module):
    """Tags of a front end's frames, [B F C] -> logits [B K] float32; F = 8 or more.

    Sows 'pooled' [B 2 width], largest and mean of each channel side by side, and 'penultimate'.
    """

    labels: int = 50
    width: int = 512
    hidden: int = 500
    dropout: float = 0.5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = Activated(self.width, 7, "valid", dtype=self.dtype, name="conv_1")(x, train=train)
        x = x + self._residual("2", x, train)
        x = max_pool(x, 2)
        x = x + self._residual("3", x, train)
        x = jnp.stack([largest(x, 1), x.mean(1)], -1).reshape(x.shape[0], -1)
        self.sow("intermediates", "pooled", x)
        drop = nn.Dropout(self.dropout, deterministic=not train)
        x = drop(x)
        starts = contrib(x.shape[-1])
        x = nn.relu(nn.Dense(self.hidden, **starts, dtype=self.dtype, name="hidden")(x))
        x = BatchNorm(*_KERAS, dtype=self.dtype, name="norm_hidden")(x, train=train)
        self.sow("intermediates", "penultimate", x)
        x = drop(x)
        x = nn.Dense(self.labels, **contrib(self.hidden), dtype=self.dtype, name="top")(x)
        return x.astype(jnp.float32)

    def _residual(self, name: str, x: jax.Array, train: bool) -> jax.Array:
        starts = contrib(7 * x.shape[-1])
        conv = Conv(self.width, 7, **starts, dtype=self.dtype, name=f"conv_{name}")
        norm = BatchNorm(*_KERAS, dtype=self.dtype, name=f"norm_{name}")
        return norm(nn.relu(conv(x))[..., None], train=train)[..., 0]
