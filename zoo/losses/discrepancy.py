"""Maximum mean discrepancy of two sets of vectors, [N L] and [N L] -> [].

The unbiased estimate of Gretton et al. 2012 with the inverse multiquadratic kernels of Wasserstein
autoencoders (Tolstikhin et al. 2018): C / (C + |x - y|^2), summed over the scales of their code.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # times 2 L, the mean |x - y|^2 of standard normals


def multiquadratic_mmd(one: jax.Array, other: jax.Array) -> jax.Array:
    """Squared discrepancy of [N L] and [N L], two rows or more -> []; it may fall below zero."""
    count, base = len(one), 2.0 * one.shape[1]
    within, without = _distances(one, one), _distances(one, other)
    within_other = _distances(other, other)
    apart = 1 - jnp.eye(count)
    total = jnp.zeros(())
    for scale in SCALES:
        own = (_kernel(within, scale * base) + _kernel(within_other, scale * base)) * apart
        total += own.sum() / (count * (count - 1))
        total -= 2 * _kernel(without, scale * base).mean()
    return total


def _kernel(square: jax.Array, width: float) -> jax.Array:
    return width / (width + square)


def _distances(one: jax.Array, other: jax.Array) -> jax.Array:
    """Squares [N M] of the distances of [N L] and [M L]."""
    return jnp.square(one[:, None] - other[None]).sum(-1)
