"""Causal self-attention that knows how far apart positions are, [B T D] -> [B T D].

Huang et al. 2019, "Music Transformer", section 3.4, as Tensor2Tensor's dot_product_relative_v2:
each head has an embedding of every distance below `reach`; positions further apart get a relative
logit of zero. The logits of all distances come out of one product and are put into place by
skewing: no array [T T D] is made. Sampling keeps keys and values of the last `memory` positions.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.layers.initializers import GLOROT

Cache = dict[str, jax.Array]


def skew(logits: jax.Array) -> jax.Array:
    """Logits by distance [... T R] -> by position [... T T]: out[i, j] = logits[i, R-1 - (i-j)].

    Zero where i - j >= R; what lies above the diagonal has no meaning.
    """
    length, reach = logits.shape[-2:]
    lead = [(0, 0)] * (logits.ndim - 1)
    kept = logits[..., max(reach - length, 0) :]
    kept = jnp.pad(kept, (*lead, (max(length - reach, 0), 0)))
    padded = jnp.pad(kept, (*lead, (1, 0)))
    turned = padded.reshape(*logits.shape[:-2], length + 1, length)
    return turned[..., 1:, :]


class RelativeAttention(nn.Module):
    """Attention of `heads` parts to what lies less than `memory` behind, [B T D] -> [B T width].

    keys: channels of all parts together. reach: distances that have embeddings, 0 for plain
    attention. dropout: of the attention's weights. Without biases. Sows the weights [B H T T] as
    'attention'.
    """

    width: int
    keys: int
    heads: int
    reach: int
    memory: int
    dropout: float = 0.0
    dtype: Any = jnp.float32

    def setup(self) -> None:
        dense = {"use_bias": False, "kernel_init": GLOROT, "dtype": self.dtype}
        self.query, self.key, self.value = (nn.Dense(self.keys, **dense) for _ in range(3))
        self.out = nn.Dense(self.width, **dense)
        depth = self.keys // self.heads
        normal = nn.initializers.normal(depth**-0.5)
        if self.reach:
            self.distance = self.param("distance", normal, (self.heads, self.reach, depth))
        self.drop = nn.Dropout(self.dropout)

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        length = x.shape[1]
        query = self._split(self.query(x)) * (self.keys // self.heads) ** -0.5
        key, value = self._split(self.key(x)), self._split(self.value(x))
        logits = jnp.einsum("bqhd,bkhd->bhqk", query, key)
        if self.reach:
            distance = self.distance.astype(self.dtype)
            logits += skew(jnp.einsum("bqhd,hrd->bhqr", query, distance))
        apart = np.arange(length)[:, None] - np.arange(length)
        seen = (apart >= 0) & (apart < self.memory)
        weights = self._weights(jnp.where(seen, logits.astype(jnp.float32), -jnp.inf), train)
        self.sow("intermediates", "attention", weights)
        return self._joined(jnp.einsum("bhqk,bkhd->bqhd", weights, value))

    def step(self, cache: Cache, x: jax.Array, clock: jax.Array) -> tuple[Cache, jax.Array]:
        """One position x [B D], the `clock`-th from 0 on -> (cache, [B D])."""
        slot = clock % self.memory
        query = self._split(self.query(x)) * (self.keys // self.heads) ** -0.5
        new = {"key": self._split(self.key(x)), "value": self._split(self.value(x))}
        cache = {
            name: jax.lax.dynamic_update_slice_in_dim(cache[name], new[name][:, None], slot, 1)
            for name in cache
        }
        apart = (slot - jnp.arange(self.memory)) % self.memory
        logits = jnp.einsum("bhd,bkhd->bhk", query, cache["key"])
        if self.reach:
            by_distance = jnp.einsum("bhd,hrd->bhr", query, self.distance.astype(self.dtype))
            place = jnp.clip(self.reach - 1 - apart, 0)
            logits += jnp.where(apart < self.reach, by_distance[..., place], 0.0)
        seen = apart <= clock
        weights = self._weights(jnp.where(seen, logits.astype(jnp.float32), -jnp.inf), False)
        return cache, self._joined(jnp.einsum("bhk,bkhd->bhd", weights, cache["value"]))

    def _split(self, x: jax.Array) -> jax.Array:
        return x.reshape(*x.shape[:-1], self.heads, -1)

    def _joined(self, x: jax.Array) -> jax.Array:
        return self.out(x.reshape(*x.shape[:-2], -1))

    def _weights(self, logits: jax.Array, train: bool) -> jax.Array:
        weights = jax.nn.softmax(logits, axis=-1).astype(self.dtype)
        return self.drop(weights, deterministic=not train)
