"""The quantile Huber loss, elementwise, [...] -> [...]."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def quantile_huber(found: jax.Array, target: jax.Array, level: jax.Array, knee: float) -> jax.Array:
    """|level - [target < found]| times Huber's loss of the error over `knee`; arrays [...].

    Up to `knee` the error counts as a square, beyond it by its size; of knee=0 the mean is least
    where the share `level` of targets lies below `found`. Dabney et al. 2018, equation 3.
    """
    error = target - found
    size = jnp.abs(error)
    if knee:
        size = jnp.where(size <= knee, 0.5 * jnp.square(error) / knee, size - 0.5 * knee)
    return jnp.abs(level - (error < 0)) * size
