"""Means of negative log-likelihoods over pieces of different lengths."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def counted_mean(nats: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """Mean of nats [B T] over all samples whose mask [B T] is 1 -> (); without one over all.

    The filling may hold anything, infinities too; a batch in which nothing counts gives 0. What
    reaches the filling gets no gradient from it.
    """
    if mask is None:
        return jnp.mean(nats)
    there = mask.astype(bool)
    total = jnp.sum(jnp.where(there, nats, 0.0))
    return total / jnp.maximum(jnp.sum(there), 1)
