"""Langevin dynamics: points that move downhill, and are pushed about, [B ...] -> [B ...]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Normals = Callable[[Any], jax.Array]  # of the number of a step: standard normals [B ...]


def descend(
    slope: Callable[[jax.Array], jax.Array],
    x: jax.Array,
    normals: Normals,
    *,
    steps: int,
    step: Any,
    noise: Any,
    bound: float | None = None,
) -> jax.Array:
    """Points [B ...] after `steps` of x - step slope(x) + noise * normal, [B ...].

    slope: of an energy, minus the score. noise=(2 step)^1/2 has exp(-energy) as its law for short
    steps. bound: points stay in [-bound, bound].
    """

    def one(i: jax.Array, x: jax.Array) -> jax.Array:
        x = x - step * slope(x) + noise * normals(i)
        return x if bound is None else jnp.clip(x, -bound, bound)

    return jax.lax.fori_loop(0, steps, one, x)


def by_key(keys: jax.Array, shape: tuple[int, ...]) -> Normals:
    """Standard normals [B *shape] of every step, made of a key for each point [B]."""

    def normals(i: Any) -> jax.Array:
        return jax.vmap(lambda k: jax.random.normal(jax.random.fold_in(k, i), shape))(keys)

    return normals
