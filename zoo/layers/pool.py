"""Pooling over time [B T C] -> [B T' C] and over time and frequency [B H W C] -> [B H' W' C].

Written with slices, because the gradient of XLA's window reduction is slow, and that of jnp.max
asks which inputs equal the maximum, which a compiler may answer wrongly: see `_larger`. Where two
inputs of a window are equally largest, one has the gradient, over time the first, as in torch.
"""

from __future__ import annotations

from functools import reduce

import jax
import jax.numpy as jnp
from jax import export

from zoo.errors import BadInput


def max_pool(
    x: jax.Array, window: int, stride: int | None = None, padding: tuple[int, int] = (0, 0)
) -> jax.Array:
    """Largest of each `window` samples, [B T C] -> [B T' C]; stride defaults to the window.

    T' = floor((T + l + r - window) / stride) + 1: samples that fill no window are dropped.
    """
    return reduce(_larger, _slices(x, window, stride or window, padding, -jnp.inf))


def _larger(a: jax.Array, b: jax.Array) -> jax.Array:
    """The larger of each pair, or NaN; a gradient goes to exactly one of them, to `a` in a tie."""
    # The gradient of jnp.maximum asks which operand equals the result; a compiler that computes an
    # operand anew, rounded another way, then finds neither and loses the gradient (XLA:CPU does).
    return jnp.where((a >= b) | jnp.isnan(a), a, b)


def avg_pool(
    x: jax.Array, window: int, stride: int | None = None, padding: tuple[int, int] = (0, 0)
) -> jax.Array:
    """Mean of each `window` samples, padding counted as zeros, [B T C] -> [B T' C]."""
    return reduce(jnp.add, _slices(x, window, stride or window, padding, 0.0)) / window


def _slices(
    x: jax.Array, window: int, stride: int, padding: tuple[int, int], fill: float
) -> list[jax.Array]:
    if any(padding):
        x = jnp.pad(x, ((0, 0), padding, (0, 0)), constant_values=fill)
    if x.shape[1] < window:
        raise BadInput(f"input of {x.shape[1]} samples is shorter than the pool of {window}")
    last = (x.shape[1] - window) // stride * stride
    return [x[:, i : i + last + 1 : stride] for i in range(window)]


def max_pool_2d(x: jax.Array, window: tuple[int, int]) -> jax.Array:
    """Largest of each (h, w) patch, [B H W C] -> [B H//h W//w C]; the remainder is dropped."""
    (h, w), (rows, columns) = window, x.shape[1:3]
    if rows < h or columns < w:
        raise BadInput(f"input of {rows} x {columns} is smaller than the pool of {h} x {w}")
    return reduce(_larger, _rows(reduce(_larger, _columns(x, w)), h))


def largest(x: jax.Array, axis: int) -> jax.Array:
    """Largest along one axis, [B T C] -> [B C] for axis 1; x.max(axis), its gradient in one piece.

    Halves the axis until one is left.
    """
    if export.is_symbolic_dim(x.shape[axis]):  # of an exported program, which has no gradient
        return x.max(axis)
    while (count := x.shape[axis]) > 1:
        half = (count + 1) // 2  # the halves of an odd number share its middle
        low = jax.lax.slice_in_dim(x, 0, half, axis=axis)
        x = _larger(low, jax.lax.slice_in_dim(x, count - half, count, axis=axis))
    return x.squeeze(axis)


def _rows(x: jax.Array, count: int) -> list[jax.Array]:
    last = x.shape[1] // count * count
    return [x[:, i:last:count] for i in range(count)]


def _columns(x: jax.Array, count: int) -> list[jax.Array]:
    last = x.shape[2] // count * count
    return [x[:, :, i:last:count] for i in range(count)]
