"""Transformer encoder layers with their norms behind the sums, [B F D] -> [B F D], as in BERT."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.layers.initializers import torch


def sinusoids(count: int, width: int) -> np.ndarray:
    """Positions as sines and cosines, -> [F D] float32; the first, of a token, is zero.

    Column j turns by position / 10000^(2 (j // 2) / D); even ones are sines, odd ones cosines.
    """
    turn = 10_000.0 ** (-2 * (np.arange(width) // 2) / width)
    angle = np.arange(count)[:, None] * turn
    table = np.where(np.arange(width) % 2, np.cos(angle), np.sin(angle))
    table[0] = 0
    return table.astype(np.float32)


class SelfAttention(nn.Module):
    """Scaled dot-product attention in `heads` parts, [B F D] -> [B F D].

    Sows the weights [B H F F] as 'attention': row i says from where frame i takes what.
    """

    heads: int
    dropout: float = 0.0  # of the weights
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        batch, frames, width = x.shape
        if width % self.heads:
            raise BadInput(f"{width} channels in {self.heads} heads: use a divisor")

        def split(name: str) -> jax.Array:
            y = nn.Dense(width, **torch(width), dtype=self.dtype, name=name)(x)
            return y.reshape(batch, frames, self.heads, -1)

        scores = jnp.einsum("bqhd,bkhd->bhqk", split("query"), split("key"))
        scores = scores.astype(jnp.float32) / float(np.sqrt(width // self.heads))
        weights = jax.nn.softmax(scores, -1)
        self.sow("intermediates", "attention", weights)
        weights = nn.Dropout(self.dropout, deterministic=not train)(weights)
        y = jnp.einsum("bhqk,bkhd->bqhd", weights.astype(self.dtype), split("value"))
        y = y.reshape(batch, frames, width)
        return nn.Dense(width, **torch(width), dtype=self.dtype, name="out")(y)


class EncoderLayer(nn.Module):
    """Attention and a two-layer net, each added to its input and normalised, [B F D] -> [B F D].

    dropout: behind both; attention_dropout: of the attention's weights.
    """

    heads: int
    hidden: int
    dropout: float = 0.0
    attention_dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        width = x.shape[-1]
        drop = nn.Dropout(self.dropout, deterministic=not train)
        attend = SelfAttention(self.heads, self.attention_dropout, self.dtype, name="attention")
        x = self._normed("norm_1", x + drop(attend(x, train=train)))
        y = nn.Dense(self.hidden, **torch(width), dtype=self.dtype, name="hidden")(x)
        y = nn.gelu(y, approximate=False)
        y = nn.Dense(width, **torch(self.hidden), dtype=self.dtype, name="out")(y)
        return self._normed("norm_2", x + drop(y))

    def _normed(self, name: str, x: jax.Array) -> jax.Array:
        norm = nn.LayerNorm(1e-12, dtype=self.dtype, use_fast_variance=False, name=name)
        return norm(x)
