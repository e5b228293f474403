"""A product of a large matrix and few rows, as samplers make at every sample."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def matvec(weights: jax.Array, x: jax.Array, precision: Any = None) -> jax.Array:
    """[G D], [B D] -> [B G]. XLA on a CPU is up to twice as fast with the large matrix first."""
    return jnp.matmul(weights, x.T.astype(weights.dtype), precision=precision).T
