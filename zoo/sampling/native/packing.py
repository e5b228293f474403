"""Matrices in the order in which lanes.h multiplies by them."""

from __future__ import annotations

import mmap

import jax
import jax.numpy as jnp
import numpy as np

HUGE = 2**21  # bytes of a page that is large
PAD = 16  # columns: as in lanes.h


def filled(matrix: jax.Array) -> jax.Array:
    """[... G] with zeros up to a multiple of PAD."""
    return jnp.pad(matrix, [(0, 0)] * (matrix.ndim - 1) + [(0, -matrix.shape[-1] % PAD)])


def chunked(matrix: jax.Array, width: int) -> jax.Array:
    """[... n*width], chunks of the width, each filled -> [... n*filled width]."""
    parts = matrix.reshape(*matrix.shape[:-1], -1, width)
    return filled(parts).reshape(*matrix.shape[:-1], -1)


def panels(matrix: jax.Array, panel: int) -> jax.Array:
    """[... R G] -> [... R*G'], filled, panels of columns one behind the other."""
    matrix = filled(matrix)
    *lead, rows, columns = matrix.shape
    whole = columns // panel * panel
    first = matrix[..., :whole].reshape(*lead, rows, -1, panel).swapaxes(-3, -2)
    rest = matrix[..., whole:]
    return jnp.concatenate([part.reshape(*lead, -1) for part in (first, rest)], -1)


def laid_out(weights: jax.Array, kind: str) -> jax.Array:
    """Packed weights [N] as the loop reads them: float32, or bfloat16 as the integers of its bits.

    On huge pages where the system has them: of a net that no cache holds, a core else spends half
    of its time looking up pages.
    """
    if kind == "bfloat16":
        weights = jax.lax.bitcast_convert_type(weights.astype(jnp.bfloat16), jnp.uint16)
    if weights.nbytes < HUGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return weights
    # Private: pages that may be shared with other processes are never large.
    room = mmap.mmap(-1, weights.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    room.madvise(mmap.MADV_HUGEPAGE)
    own = np.frombuffer(room, weights.dtype)
    own[:] = np.asarray(weights)
    return jnp.from_dlpack(own)  # the same memory, kept as long as the array
