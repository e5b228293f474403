"""Sparse Transformer: attention to some sqrt(T) of T past positions, for long raw audio.

Child, Gray, Radford, Sutskever 2019, arXiv 1904.10509, sections 4 to 6, and openai/sparse_attention
(c53f3bd). Table 4: mu-law codes of piano at 12 kHz, 65,536 samples under 152 M parameters.

Guesses and choices
- the paper names no sizes for audio: the defaults are those of its 152 M model of images, 48 layers
  of 512 in 16 heads, with a stride of 256, the root of the length; the count agrees;
- the local pattern is the last `stride` positions, as in the code (in the text one more);
- where fixed attention has nothing to attend to, before the first summary, it gives zero;
- `combine`: 'interleaved' has one pattern a layer, in turns; 'merged' both in one softmax; 'heads'
  one for each half of the heads. The paper's audio models are said to be strided, no more;
- the first sample is predicted from silence;
- past `context` samples sampling goes on from the latest half of it, which is read again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.distributions import Categorical
from zoo.errors import BadInput
from zoo.layers import sparse_attention
from zoo.layers.sparse_attention import (
    AttentionPattern,
    ColumnPattern,
    Local,
    RowPattern,
    SummaryPattern,
)

_Carry = dict[str, Any]
_SPREAD = 0.125  # times fan-in^-1/2: deviation of initial weights, section 6


def _normal(fan_in: int, share: float = 1.0) -> nn.initializers.Initializer:
    """Of a kernel with that fan-in; share: what it is scaled by."""
    return nn.initializers.normal(_SPREAD * fan_in**-0.5 * share)


class Layer(nn.Module):
    """Attention and a net of four times the width, each of the norm of its input [B N L D].

    patterns: for each group of heads those that it attends to, in one softmax. depth: of the stack,
    by whose root what is added to the input is scaled at the start.
    """

    width: int
    heads: int
    patterns: tuple[tuple[AttentionPattern, ...], ...]
    depth: int
    dropout: float
    dtype: Any

    def setup(self) -> None:
        own = self.width
        less = (2 * self.depth) ** -0.5
        self.query, self.key, self.value = (self._dense(own, _normal(own)) for _ in range(3))
        self.out = self._dense(own, _normal(own, less))
        self.enter = self._dense(4 * own, _normal(own))
        self.leave = self._dense(own, _normal(4 * own, less))
        norm = {"epsilon": 1e-5, "dtype": self.dtype, "use_fast_variance": False}
        self.before_attention, self.before_net = nn.LayerNorm(**norm), nn.LayerNorm(**norm)
        self.drop = nn.Dropout(self.dropout)

    def _dense(self, features: int, start: nn.initializers.Initializer) -> nn.Dense:
        return nn.Dense(features, kernel_init=start, dtype=self.dtype)

    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        read = self.before_attention(x)
        parts = zip(self.patterns, *map(self._groups, (self._query(read), *self._stored(read))))
        found = [sparse_attention.attend_sparsely(*part) for part in parts]
        return self._added(x, jnp.concatenate(found, -2), train)

    def stored(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Keys and values of its input, [... D] -> [... H D/H] each."""
        return self._stored(self.before_attention(x))

    def step(
        self, cache: tuple[jax.Array, jax.Array], x: jax.Array, clock: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        """One position x [B D], the `clock`-th from 0 on -> (cache, [B D])."""
        read = self.before_attention(x)
        key, value = (
            sparse_attention.store(c, new, clock) for c, new in zip(cache, self.stored(x))
        )
        parts = zip(self.patterns, *map(self._groups, (self._query(read), key, value)))
        found = [sparse_attention.attend_now(p, q, k, v, clock) for p, q, k, v in parts]
        return (key, value), self._added(x, jnp.concatenate(found, -2), False)

    def _query(self, read: jax.Array) -> jax.Array:
        return self._split(self.query(read)) * (self.width // self.heads) ** -0.5

    def _stored(self, read: jax.Array) -> tuple[jax.Array, jax.Array]:
        return self._split(self.key(read)), self._split(self.value(read))

    def _split(self, x: jax.Array) -> jax.Array:
        return x.reshape(*x.shape[:-1], self.heads, -1)

    def _groups(self, x: jax.Array) -> list[jax.Array]:
        """The heads [... H D] that attend to each of the patterns."""
        return jnp.split(x, len(self.patterns), -2)

    def _added(self, x: jax.Array, found: jax.Array, train: bool) -> jax.Array:
        added = self.out(found.reshape(x.shape))
        x = x + self.drop(added, deterministic=not train)
        hidden = self.enter(self.before_net(x))
        hidden = hidden * nn.sigmoid(1.702 * hidden)  # the paper's GELU
        return x + self.drop(self.leave(hidden), deterministic=not train)


class SparseTransformer(nn.Module):
    """Logits of the next sample's code, audio [B T 1] -> [B T Q] for T up to `context`.

    raw[t] is made from audio[:t] alone: the shift by one is inside. summary, parts: of fixed
    attention, see `sparse_attention.SummaryPattern`. remat: layers are computed again on the way
    back.
    """

    context: int = 65_536
    stride: int = 256
    layers: int = 48
    width: int = 512
    heads: int = 16
    pattern: Literal["strided", "fixed"] = "strided"
    combine: Literal["interleaved", "merged", "heads"] = "interleaved"
    summary: int = 8
    parts: int = 1
    dropout: float = 0.0
    distribution: Categorical = Categorical(256)
    remat: bool = True
    dtype: Any = jnp.float32

    zero_gradient_at_init = ("blocks_", "embed", "row", "column", "norm")  # logits start at zero

    def setup(self) -> None:
        self._check_sizes()
        width, place = self.width, _normal(2 * self.width)
        self.embed = nn.Embed(
            self.distribution.symbols, width, embedding_init=_normal(width), dtype=self.dtype
        )
        self.row = nn.Embed(self.rows, width, embedding_init=place, dtype=self.dtype)
        self.column = nn.Embed(self.stride, width, embedding_init=place, dtype=self.dtype)
        kind = nn.remat(Layer, static_argnums=(2,)) if self.remat else Layer
        self.blocks = [
            kind(width, self.heads, self.patterns(i), self.layers, self.dropout, self.dtype)
            for i in range(self.layers)
        ]
        self.norm = nn.LayerNorm(1e-5, dtype=self.dtype, use_fast_variance=False)
        zeros = nn.initializers.zeros
        self.output = nn.Dense(
            self.distribution.symbols, use_bias=False, kernel_init=zeros, dtype=self.dtype
        )

    def _check_sizes(self) -> None:
        if self.context % self.stride or self.context < 2 * self.stride:
            raise BadInput(
                f"context {self.context} with a stride of {self.stride}: use a multiple of it, two"
                " strides or more"
            )
        halves = 2 if self.combine == "heads" else 1
        if self.width % self.heads or self.heads % halves:
            raise BadInput(
                f"width {self.width} in {self.heads} heads: use a divisor, even where heads differ"
            )
        if self.pattern == "fixed" and not 0 < self.summary * self.parts <= self.stride:
            raise BadInput(
                f"{self.parts} summaries of {self.summary} positions in a stride of {self.stride}:"
                " they must fit into it"
            )

    @property
    def rows(self) -> int:
        return self.context // self.stride

    @property
    def receptive_field(self) -> int:
        return self.context

    @property
    def hop(self) -> int:
        """Samples drawn between two looks at whether the context is full."""
        return self.stride

    def patterns(self, layer: int) -> tuple[tuple[AttentionPattern, ...], ...]:
        """What each group of heads of a layer attends to."""
        alone = self.combine != "merged"
        near: AttentionPattern = Local() if self.pattern == "strided" else RowPattern()
        summary = SummaryPattern(self.summary, self.parts, own=alone)
        far: AttentionPattern = ColumnPattern(own=alone) if self.pattern == "strided" else summary
        if self.combine == "interleaved":
            return (((near,), (far,))[layer % 2],)
        return ((near,), (far,)) if self.combine == "heads" else ((near, far),)

    def __call__(self, audio: jax.Array, *, train: bool = False) -> jax.Array:
        x = self._enter(audio)
        for layer in self.blocks:
            x = layer(x, train)
        return self._leave(x.reshape(len(x), -1, self.width)[:, : audio.shape[1]])

    def _enter(self, audio: jax.Array) -> jax.Array:
        """Audio [B T 1], shifted by one, as rows and columns [B N L D], the last row filled up."""
        if audio.ndim != 3 or audio.shape[-1] != 1 or audio.shape[1] > self.context:
            raise BadInput(
                f"Sparse Transformer takes mono audio [B T 1] of up to {self.context} samples, not"
                f" {audio.shape}"
            )
        batch, length = audio.shape[:2]
        rows = -(-length // self.stride)
        filled = ((0, 0), (1, rows * self.stride - length), (0, 0))
        shifted = jnp.pad(audio, filled)[:, : rows * self.stride, 0]
        place = jnp.arange(rows)[:, None], jnp.arange(self.stride)
        return self._placed(shifted.reshape(batch, rows, self.stride), *place)

    def _placed(self, x: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
        """Samples [...] with their places -> [... D]."""
        codes = self.distribution.encode(x[..., None])[..., 0]
        return self.embed(codes) + self.row(row) + self.column(column)

    def _leave(self, x: jax.Array) -> jax.Array:
        return self.output(self.norm(x)).astype(jnp.float32)

    # From here on, sampling: see zoo/sampling/autoregressive.py for who calls what.

    def initial(self, batch: int) -> _Carry:
        """No sample so far."""
        depth = self.width // self.heads
        shapes = [
            (batch, self.stride, self._kept(i), self.heads, depth) for i in range(self.layers)
        ]
        caches = [(jnp.zeros(s, self.dtype), jnp.zeros(s, self.dtype)) for s in shapes]
        read = jnp.zeros((batch, self.context))
        return {"clock": jnp.zeros((), jnp.int32), "read": read, "caches": caches}

    def _kept(self, layer: int) -> int:
        """Rows of a layer's cache."""
        far = any(p.far for group in self.patterns(layer) for p in group)
        return self.rows if far else 1

    def prime(self, audio: jax.Array) -> _Carry:
        """The carry after audio [B T 1], T up to `context`, by one parallel pass over it."""
        x, caches, length = self._enter(audio), [], audio.shape[1]
        for i, layer in enumerate(self.blocks):
            kept = layer.stored(x)
            caches.append(
                tuple(sparse_attention.cached(each, length, self._kept(i)) for each in kept)
            )
            x = layer(x, False)
        read = jnp.pad(audio[..., 0], ((0, 0), (1, self.context)))[:, : self.context]
        return {"clock": jnp.full((), length, jnp.int32), "read": read, "caches": caches}

    def step(self, carry: _Carry, x: jax.Array, condition: None = None) -> tuple[_Carry, jax.Array]:
        """The sample before, x [B 1] -> (carry, logits of the next [B Q]); not past `context`."""
        clock, caches = carry["clock"], []
        read = jax.lax.dynamic_update_slice(carry["read"], x, (0, clock))
        h = self._placed(x[:, 0], clock // self.stride, clock % self.stride)
        for layer, cache in zip(self.blocks, carry["caches"]):
            cache, h = layer.step(cache, h, clock)
            caches.append(cache)
        return {"clock": clock + 1, "read": read, "caches": caches}, self._leave(h)

    def frame(
        self,
        folded: Any,
        carry: _Carry,
        x: jax.Array,
        condition: None,
        noise: jax.Array,
        draw: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]],
    ) -> tuple[_Carry, jax.Array, jax.Array]:
        """`hop` samples after x [B 1], and their nats; noise [hop B n]."""
        full = carry["clock"] + self.hop > self.context
        carry = jax.lax.cond(full, self._again, lambda _, c, __: c, folded, carry, x)

        def body(loop: tuple[_Carry, jax.Array], noise: jax.Array) -> Any:
            carry, raw = self._apply(folded, *loop, method="step")
            new, log_prob = draw(raw, noise)
            return (carry, new), (new[:, 0], log_prob[:, 0])

        (carry, _), (drawn, nats) = jax.lax.scan(body, (carry, x), noise)
        return carry, drawn.T, nats.T

    def _again(self, folded: Any, carry: _Carry, x: jax.Array) -> _Carry:
        """The carry of a window that begins half a context ago."""
        half = self.context // 2
        late = jax.lax.dynamic_slice_in_dim(carry["read"], carry["clock"] - half + 1, half - 1, 1)
        return self._apply(folded, jnp.concatenate([late, x], 1)[..., None], method="prime")

    def _apply(self, folded: Any, *args: Any, method: str) -> Any:
        return self.clone(remat=False).apply(folded, *args, method=method)
