"""Pooling over time [B T C] -> [B T' C] and over time and frequency [B H W C] -> [B H' W' C].

Written with slices and reshapes, because the gradient of XLA's window reduction is slow. Where two
inputs of a window are equally largest, over time the first has the gradient, as in torch; over
patches they share it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import jax
import jax.numpy as jnp

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
    return _patches(x, window, jnp.max)


def avg_pool_2d(x: jax.Array, window: tuple[int, int]) -> jax.Array:
    """Mean of each (h, w) patch, [B H W C] -> [B H//h W//w C]; the remainder is dropped."""
    return _patches(x, window, jnp.mean)


def _patches(x: jax.Array, window: tuple[int, int], pool: Callable[..., jax.Array]) -> jax.Array:
    batch, rows, columns, channels = x.shape
    h, w = window
    if rows < h or columns < w:
        raise BadInput(f"input of {rows} x {columns} is smaller than the pool of {h} x {w}")
    x = x[:, : rows // h * h, : columns // w * w]
    return pool(x.reshape(batch, rows // h, h, columns // w, w, channels), axis=(2, 4))
