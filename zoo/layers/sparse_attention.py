"""Causal self-attention to a few positions of a long past, in blocks: Child et al. 2019, section 4.

Positions are rows of a matrix of `stride` columns, [B N L H D] for N rows of L columns. A pattern
says to which positions one attends; products are made for these alone, and arrays grow with
T sqrt(T), never with T^2. Patterns are those of the paper: `Local` and `ColumnPattern`,
`RowPattern` and `SummaryPattern`. Sampling keeps keys and values as [B L R H D]: a column lies
together, and R is 1 for patterns that reach no further than `stride` back.

Where the paper's text and its code (openai/sparse_attention) differ, the code is followed: `Local`
is the last `stride` positions, one's own among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

_NOTHING = -1e9  # a logit of what is not attended to


class AttentionPattern(Protocol):
    """Which earlier positions one attends to."""

    @property
    def keys(self) -> str:
        """Subscripts of `entries`: those of a query are bnqhd, k is what attention sums over."""

    @property
    def far(self) -> bool:
        """Whether it reaches more than `stride` back."""

    def entries(self, x: jax.Array) -> jax.Array:
        """Keys or values [B N L H D] as `keys` says."""

    def seen(self, rows: int, columns: int) -> jax.Array:
        """Which entries are attended to, broadcastable to [N L H K]."""

    def entries_now(self, cache: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
        """Of a cache [B L R H D] what one position may attend to, [B K H D]."""

    def seen_now(self, rows: int, columns: int, row: jax.Array, column: jax.Array) -> jax.Array:
        """Which of these are attended to, broadcastable to [H K]."""


@dataclass(frozen=True)
class Local:
    """The last `stride` positions, [B N L H D] -> [B N 2L H D]: a row and the one before."""

    keys = "bnkhd"
    far = False

    def entries(self, x: jax.Array) -> jax.Array:
        before = jnp.pad(x, ((0, 0), (1, 0), *[(0, 0)] * 3))[:, :-1]
        return jnp.concatenate([before, x], 2)

    def seen(self, rows: int, columns: int) -> jax.Array:
        apart = np.arange(columns)[:, None] + columns - np.arange(2 * columns)
        band = jnp.asarray((apart >= 0) & (apart < columns))
        there = jnp.asarray(np.arange(rows)[:, None] + np.arange(2 * columns) // columns > 0)
        return band[:, None] & there[:, None, None]

    def entries_now(self, cache: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
        columns = jnp.arange(cache.shape[1])
        return cache[:, columns, (row - (columns > column)) % cache.shape[2]]

    def seen_now(self, rows: int, columns: int, row: jax.Array, column: jax.Array) -> jax.Array:
        return (jnp.arange(columns) <= column) | (row > 0)


@dataclass(frozen=True)
class RowPattern:
    """The positions of one's own row so far, [B N L H D] as it is."""

    keys = "bnkhd"
    far = False

    def entries(self, x: jax.Array) -> jax.Array:
        return x

    def seen(self, rows: int, columns: int) -> jax.Array:
        return jnp.tri(columns, dtype=bool)[:, None]

    def entries_now(self, cache: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
        return cache[:, :, row % cache.shape[2]]

    def seen_now(self, rows: int, columns: int, row: jax.Array, column: jax.Array) -> jax.Array:
        return jnp.arange(columns) <= column


@dataclass(frozen=True)
class ColumnPattern:
    """Every `stride`-th position back, [B N L H D] as it is: one's own column.

    own: whether one's own position is among them, which is left out where `Local` has it.
    """

    own: bool = True
    keys = "bkqhd"
    far = True

    def entries(self, x: jax.Array) -> jax.Array:
        return x

    def seen(self, rows: int, columns: int) -> jax.Array:
        return jnp.tri(rows, k=0 if self.own else -1, dtype=bool)[:, None, None]

    def entries_now(self, cache: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
        return cache[:, column]

    def seen_now(self, rows: int, columns: int, row: jax.Array, column: jax.Array) -> jax.Array:
        return jnp.arange(rows) < row + self.own


@dataclass(frozen=True)
class SummaryPattern:
    """The last `cells` columns of every row so far, [B N L H D] -> [B N*cells H D].

    parts: different heads attend to so many different groups of columns, the last ones first.
    own: whether one's own row is among them, which is left out where `RowPattern` has it. Before
    the first of these columns nothing is attended to, and what comes out is zero.
    """

    cells: int
    parts: int = 1
    own: bool = True
    keys = "bkhd"
    far = True

    def entries(self, x: jax.Array) -> jax.Array:
        heads = np.arange(x.shape[3])[:, None]
        found = x[:, :, self._columns(*x.shape[2:4]), heads]  # [B N H cells D]
        return found.swapaxes(2, 3).reshape(len(x), -1, *x.shape[3:])

    def seen(self, rows: int, columns: int) -> jax.Array:
        place = jnp.arange(rows * columns).reshape(rows, columns, 1, 1)
        return self._seen(rows, columns, place)

    def entries_now(self, cache: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
        _, columns, rows, heads, _ = cache.shape
        found = cache[:, self._columns(columns, heads), :, np.arange(heads)[:, None]]
        found = found.transpose(2, 3, 1, 0, 4)  # [H cells B R D] -> [B R cells H D]
        return found.reshape(len(cache), rows * self.cells, heads, -1)

    def seen_now(self, rows: int, columns: int, row: jax.Array, column: jax.Array) -> jax.Array:
        return self._seen(rows, columns, row * columns + column)

    def _columns(self, columns: int, heads: int) -> np.ndarray:
        """The columns of every head [H cells]."""
        part = np.arange(heads)[:, None] % self.parts
        return columns - (part + 1) * self.cells + np.arange(self.cells)

    def _seen(self, rows: int, columns: int, place: jax.Array) -> jax.Array:
        """Entries that positions [...] attend to, [... H K], or 1 for H where heads are alike."""
        own = self._columns(columns, self.parts)  # heads beyond repeat these
        entry = np.arange(rows)[:, None] * columns + own[:, None]  # [parts N cells]
        entry = entry.reshape(self.parts, -1)
        return jnp.asarray(entry) <= (place if self.own else place // columns * columns - 1)


def attend_sparsely(
    patterns: Sequence[AttentionPattern], query: jax.Array, key: jax.Array, value: jax.Array
) -> jax.Array:
    """Softmax attention over the union of the patterns, [B N L H D] each -> [B N L H D].

    The union must be one of sets without common members.
    """
    rows, columns, heads = query.shape[1:4]
    logits = [
        _masked(
            jnp.einsum(f"bnqhd,{p.keys}->bnqhk", query, p.entries(key)),
            _of_heads(p.seen(rows, columns), heads),
        )
        for p in patterns
    ]
    ends = np.cumsum([each.shape[-1] for each in logits])[:-1].tolist()
    weights = jnp.split(_softmax(jnp.concatenate(logits, -1)).astype(value.dtype), ends, -1)
    parts = (
        jnp.einsum(f"bnqhk,{p.keys}->bnqhd", w, p.entries(value)) for p, w in zip(patterns, weights)
    )
    return sum(parts, jnp.zeros((), value.dtype))


def attend_now(
    patterns: Sequence[AttentionPattern],
    query: jax.Array,
    keys: jax.Array,
    values: jax.Array,
    clock: jax.Array,
) -> jax.Array:
    """The same for the position `clock` alone, query [B H D], caches [B L R H D] -> [B H D]."""
    columns, rows, heads = keys.shape[1:4]
    row, column = clock // columns, clock % columns
    logits = [
        _masked(
            jnp.einsum("bhd,bkhd->bhk", query, p.entries_now(keys, row, column)),
            _of_heads(jnp.atleast_2d(p.seen_now(rows, columns, row, column)), heads),
        )
        for p in patterns
    ]
    weights = _softmax(jnp.concatenate(logits, -1)).astype(values.dtype)
    entries = [p.entries_now(values, row, column) for p in patterns]
    return jnp.einsum("bhk,bkhd->bhd", weights, jnp.concatenate(entries, 1))


def cached(x: jax.Array, length: int, rows: int) -> jax.Array:
    """Keys or values [B N L H D] of `length` positions as a cache [B L R H D] of so many rows."""
    columns = x.shape[2]
    if rows > 1:
        x = jnp.pad(x, ((0, 0), (0, rows - x.shape[1]), *[(0, 0)] * 3))
        return x.swapaxes(1, 2)
    latest = length - 1 - (length - 1 - np.arange(columns)) % columns
    return x[:, np.maximum(latest, 0) // columns, np.arange(columns)][:, :, None]


def store(cache: jax.Array, x: jax.Array, clock: jax.Array) -> jax.Array:
    """The cache [B L R H D] with keys or values [B H D] of the position `clock`."""
    columns, rows = cache.shape[1:3]
    return cache.at[:, clock % columns, clock // columns % rows].set(x)


def _of_heads(seen: jax.Array, heads: int) -> jax.Array:
    """What groups of heads see [... G K] by head [... H K], where there is more than one group."""
    groups = seen.shape[-2]
    return seen if groups == 1 else jnp.take(seen, np.arange(heads) % groups, axis=-2)


def _masked(logits: jax.Array, seen: jax.Array) -> jax.Array:
    """float32, scaled by nothing; [... K]."""
    return jnp.where(seen, logits.astype(jnp.float32), _NOTHING)


def _softmax(logits: jax.Array) -> jax.Array:
    """Of what is attended to, [... K]; all zero where that is nothing."""
    top = jax.lax.stop_gradient(logits.max(-1, keepdims=True))
    weights = jnp.where(logits > _NOTHING / 2, jnp.exp(logits - top), 0.0)
    return weights / jnp.maximum(weights.sum(-1, keepdims=True), 1e-30)
