"""Images [B F N C] at halved resolutions, and blends of them while a network grows.

progress: resolutions that are grown, less one; 1.25 is a quarter of the way from the second to the
third (Karras et al. 2018, as GANSynth's public code counts).
"""

from __future__ import annotations

from functools import reduce

import jax
import jax.numpy as jnp


def shrunk(x: jax.Array, factor: int) -> jax.Array:
    """Means of squares of `factor`, [B F N C] -> [B F/factor N/factor C]."""
    batch, frames, bins, channels = x.shape
    if factor == 1:
        return x
    return x.reshape(batch, frames // factor, factor, bins // factor, factor, channels).mean((2, 4))


def enlarged(x: jax.Array, factor: int) -> jax.Array:
    """Every value in a square of `factor`, [B F N C] -> [B F*factor N*factor C]."""
    batch, frames, bins, channels = x.shape
    if factor == 1:
        return x
    wide = (batch, frames, factor, bins, factor, channels)
    x = jnp.broadcast_to(x[:, :, None, :, None], wide)
    return x.reshape(batch, frames * factor, bins * factor, channels)


def patched(x: jax.Array, side: int) -> jax.Array:
    """Squares of `side` as channels, [B F N C] -> [B F/side N/side side*side*C]."""
    batch, frames, bins, channels = x.shape
    if side == 1:
        return x
    x = x.reshape(batch, frames // side, side, bins // side, side, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, frames // side, bins // side, -1)


def unpatched(x: jax.Array, side: int) -> jax.Array:
    """Inverse of `patched`, [B F N side*side*C] -> [B F*side N*side C]."""
    batch, frames, bins, channels = x.shape
    if side == 1:
        return x
    x = x.reshape(batch, frames, bins, side, side, channels // side**2).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(batch, frames * side, bins * side, -1)


def level_weight(number: int, progress: jax.Array | float) -> jax.Array:
    """Weight of resolution `number` in a blend, [...] -> [...]: a triangle about `number` - 1."""
    return jnp.maximum(0.0, jnp.minimum(progress - (number - 2), number - progress))


def bypass(number: int, progress: jax.Array | float) -> jax.Array:
    """Weight of an input at `number` against what comes from above, [...] -> [...]: 1 to 0."""
    return jnp.clip(number - progress, 0.0, 1.0)


def blend_levels(x: jax.Array, progress: jax.Array | float, top: int, every: int) -> jax.Array:
    """Images as a network sees them that has grown so far, [B F N C] -> the same shape.

    every: resolutions there are. top: the highest so far; progress lies within one below it.
    """
    numbers = range(max(1, top - 1), top + 1)
    factors = [2 ** (every - number) for number in numbers]
    parts = [enlarged(shrunk(x, factor), factor) for factor in factors]
    weighted = [level_weight(number, progress) * part for number, part in zip(numbers, parts)]
    return reduce(jnp.add, weighted)
