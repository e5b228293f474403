"""WaveGAN's phase shuffle, [B T C] -> [B T C]: discriminators cannot go by where a comb begins."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def phase_shuffle(x: jax.Array, key: jax.Array, reach: int) -> jax.Array:
    """Moves [B T C] by one random shift of -reach to reach samples, reflected ends -> [B T C]."""
    shift = jax.random.randint(key, (), -reach, reach + 1)
    padded = jnp.pad(x, ((0, 0), (reach, reach), (0, 0)), mode="reflect")
    return jax.lax.dynamic_slice_in_dim(padded, reach - shift, x.shape[1], axis=1)
