"""Music Transformer: relative self-attention over events of a piano performance.

Huang, Vaswani, Uszkoreit et al., ICLR 2019, arXiv 1809.04281; the defaults are Magenta's released
set t_rel_len2048_h384_att512_fs1024_n8_dropout20: 8 layers, hidden 384, 512 key channels, 8 heads,
filter 1,024, 1,024 distances, dropout .2 of attention, of the hidden units and of what each part
adds; norms before the parts, sinusoids kept beside relative attention, no shared embedding.

Choices
- attention reaches `memory` positions back, in training too, so that a stream of any length is
  sampled as it is predicted; with pieces up to that length nothing differs;
- the first symbol is predicted from symbol 0 (Tensor2Tensor: from an embedding of zeros);
- `positions=False` leaves the sinusoids out, for pieces longer than those of the training;
- `reach=0` is the Transformer without relative attention, the paper's baseline.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.distributions import Tokens
from zoo.errors import BadInput
from zoo.layers.initializers import GLOROT
from zoo.layers.relative_attention import RelativeAttention

_Carry = dict[str, Any]


class Block(nn.Module):
    """Attention and a two-layer net, each with its norm before and added to its input [B T D]."""

    width: int
    keys: int
    hidden: int
    heads: int
    reach: int
    memory: int
    dropout: float
    dtype: Any = jnp.float32

    def setup(self) -> None:
        self.attention = RelativeAttention(
            self.width, self.keys, self.heads, self.reach, self.memory, self.dropout, self.dtype
        )
        norm = {"epsilon": 1e-6, "dtype": self.dtype, "use_fast_variance": False}
        self.before_attention, self.before_net = nn.LayerNorm(**norm), nn.LayerNorm(**norm)
        self.enter = nn.Dense(self.hidden, kernel_init=GLOROT, dtype=self.dtype)
        self.leave = nn.Dense(self.width, kernel_init=GLOROT, dtype=self.dtype)
        self.drop = nn.Dropout(self.dropout)

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        added = self.attention(self.before_attention(x), train=train)
        x = x + self.drop(added, deterministic=not train)
        return self._net(x, train)

    def step(self, cache: _Carry, x: jax.Array, clock: jax.Array) -> tuple[_Carry, jax.Array]:
        """The same of one position x [B D]."""
        cache, added = self.attention.step(cache, self.before_attention(x), clock)
        return cache, self._net(x + added, False)

    def _net(self, x: jax.Array, train: bool) -> jax.Array:
        hidden = nn.relu(self.enter(self.before_net(x)))
        added = self.leave(self.drop(hidden, deterministic=not train))
        return x + self.drop(added, deterministic=not train)


class MusicTransformer(nn.Module):
    """Logits of the next event, symbols [B T 1] float32 -> [B T count].

    raw[t] is made from symbols[:t] alone: the shift by one is inside.
    """

    distribution: Tokens = Tokens(310)
    layers: int = 8
    width: int = 384
    keys: int = 512
    hidden: int = 1024
    heads: int = 8
    reach: int = 1024
    memory: int = 2048
    dropout: float = 0.2
    positions: bool = True
    dtype: Any = jnp.float32

    receptive_field = math.inf  # `memory` positions a layer, and what those knew

    def setup(self) -> None:
        if self.keys % self.heads or self.width % 2:
            raise BadInput(
                f"{self.keys} key channels in {self.heads} heads, width {self.width}: use a"
                " multiple of the heads, and an even width"
            )
        normal = nn.initializers.normal(self.width**-0.5)
        count = self.distribution.count
        self.embed = nn.Embed(count, self.width, embedding_init=normal, dtype=self.dtype)
        fields = self.width, self.keys, self.hidden, self.heads, self.reach, self.memory
        self.blocks = [Block(*fields, self.dropout, self.dtype) for _ in range(self.layers)]
        self.norm = nn.LayerNorm(1e-6, dtype=self.dtype, use_fast_variance=False)
        self.output = nn.Dense(count, use_bias=False, kernel_init=normal, dtype=self.dtype)
        self.drop = nn.Dropout(self.dropout)

    def __call__(self, audio: jax.Array, *, train: bool = False) -> jax.Array:
        if audio.ndim != 3 or audio.shape[-1] != 1:
            raise BadInput(f"Music Transformer takes symbols [B T 1], not {audio.shape}")
        shifted = jnp.pad(audio, ((0, 0), (1, 0), (0, 0)))[:, :-1, 0]
        x = self.drop(self._enter(shifted, jnp.arange(audio.shape[1])), deterministic=not train)
        for block in self.blocks:
            x = block(x, train=train)
        return self.output(self.norm(x)).astype(jnp.float32)

    def initial(self, batch: int) -> _Carry:
        """No event so far. See zoo/sampling/autoregressive.py for who calls this and `step`."""
        shape = (batch, self.memory, self.heads, self.keys // self.heads)
        caches = [
            {name: jnp.zeros(shape, self.dtype) for name in ("key", "value")}
            for _ in range(self.layers)
        ]
        return {"clock": jnp.zeros((), jnp.int32), "caches": caches}

    def step(self, carry: _Carry, x: jax.Array, condition: None = None) -> tuple[_Carry, jax.Array]:
        """The event before, x [B 1] -> (carry, logits of the next [B count])."""
        clock, caches = carry["clock"], []
        x = self._enter(x, clock[None])[:, 0]
        for block, cache in zip(self.blocks, carry["caches"]):
            cache, x = block.step(cache, x, clock)
            caches.append(cache)
        raw = self.output(self.norm(x)).astype(jnp.float32)
        return {"clock": clock + 1, "caches": caches}, raw

    def _enter(self, symbols: jax.Array, places: jax.Array) -> jax.Array:
        """Symbols [B T] at places [T] -> [B T D]."""
        codes = self.distribution.encode(symbols)
        x = self.embed(codes) * math.sqrt(self.width)
        return x + _timing(places, self.width).astype(self.dtype) if self.positions else x


def _timing(places: jax.Array, width: int) -> jax.Array:
    """Places [T] as sines, then cosines, of wavelengths from 2 pi to 20,000 pi, [T D]."""
    half = width // 2
    slower = jnp.exp(-math.log(10_000.0) / max(half - 1, 1) * jnp.arange(half))
    angle = places[:, None] * slower
    return jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)
