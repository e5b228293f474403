"""Matrices in the order in which lanes.h multiplies by them."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

HUGE = 2**21  # bytes of a page that is large
_PAD = 16  # columns: as in lanes.h


@dataclass(frozen=True)
class PackedLayout:
    """panel: columns that lie side by side. weights: the type of the matrices, of NUMBERS."""

    panel: int
    weights: str


def pad_columns(matrix: jax.Array) -> jax.Array:
    """[... G] with zeros up to a multiple of PAD."""
    return jnp.pad(matrix, [(0, 0)] * (matrix.ndim - 1) + [(0, -matrix.shape[-1] % _PAD)])


def chunked(matrix: jax.Array, width: int) -> jax.Array:
    """[... n*width], chunks of the width, each filled -> [... n*filled width]."""
    parts = matrix.reshape(*matrix.shape[:-1], -1, width)
    return pad_columns(parts).reshape(*matrix.shape[:-1], -1)


def panels(matrix: jax.Array, layout: PackedLayout) -> jax.Array:
    """[... R G] -> [... N], filled, panels of columns one behind the other."""
    matrix = pad_columns(matrix)
    *lead, rows, columns = matrix.shape
    whole = columns // layout.panel * layout.panel
    first = matrix[..., :whole].reshape(*lead, rows, -1, layout.panel).swapaxes(-3, -2)
    parts = first, matrix[..., whole:]
    return jnp.concatenate(
        [_NUMBERS[layout.weights](part).reshape(*lead, -1) for part in parts], -1
    )


def _halves(matrix: jax.Array) -> jax.Array:
    """bfloat16, as the integers of its bits."""
    return jax.lax.bitcast_convert_type(matrix.astype(jnp.bfloat16), jnp.uint16)


def _bytes(panel: jax.Array) -> jax.Array:
    """[... R P] -> int8 [... 4+R P]: units of the columns, float32 by its bytes, and multiples."""
    units = jnp.abs(panel).max(-2) / 127
    multiples = jnp.rint(panel / jnp.where(units, units, 1)[..., None, :]).astype(jnp.int8)
    above = jax.lax.bitcast_convert_type(units, jnp.int8)
    above = above.reshape(*units.shape[:-1], units.dtype.itemsize, units.shape[-1])
    return jnp.concatenate([above, multiples], -2)


# What a panel [... R P] is in memory.
_NUMBERS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "float32": lambda panel: panel,
    "bfloat16": _halves,
    "int8": _bytes,
}


def huge_page_copy(weights: jax.Array) -> jax.Array:
    """Packed weights [N] on huge pages where the system has them.

    Of a net that no cache holds, a core else spends half of its time looking up pages.
    """
    if weights.nbytes < HUGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return weights
    # Private: pages that may be shared with other processes are never large.
    room = mmap.mmap(-1, weights.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    room.madvise(mmap.MADV_HUGEPAGE)
    own = np.frombuffer(room, weights.dtype)
    own[:] = np.asarray(weights)
    return jnp.from_dlpack(own)  # the same memory, kept as long as the array
