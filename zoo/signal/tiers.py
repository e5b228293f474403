"""Images divided into tiers, each of twice the resolution, along bands and frames by turns.

Tier 1 is the coarsest; of [B F M] the even tiers hold every second band of what they complete, the
odd ones from the third on every second frame.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from zoo.errors import BadInput


def _axis_of(tier: int) -> int:
    """Along which axis of [B F M] a tier (2, 3, ...) lies between the bins of those below it."""
    return 2 if tier % 2 == 0 else 1


def split_tiers(x: jax.Array, tiers: int) -> list[tuple[jax.Array | None, jax.Array]]:
    """(what lies below, the tier itself), both [B F' M'], of each tier of [B F M], the first first.

    F and M are multiples of what the tiers halve. Raises BadInput for others.
    """
    found: list[tuple[jax.Array | None, jax.Array]] = []
    for tier in range(tiers, 1, -1):
        axis = _axis_of(tier)
        if x.shape[axis] % 2:
            raise BadInput(f"{tiers} tiers cannot halve {x.shape[axis]} frames or bands")
        below = jax.lax.slice_in_dim(x, 0, None, 2, axis)
        found.append((below, jax.lax.slice_in_dim(x, 1, None, 2, axis)))
        x = below
    return [(None, x), *found[::-1]]


def merge_tier(below: jax.Array, own: jax.Array, tier: int) -> jax.Array:
    """What a tier and all below it are together, two [B F' M'] -> [B F M]."""
    axis = _axis_of(tier)
    shape = list(below.shape)
    shape[axis] *= 2
    return jnp.stack([below, own], axis + 1).reshape(shape)
