"""FastICA: whitening, and a rotation to components as independent as can be."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

_RELATIVE = 1e-6  # directions with less than this share of the largest variance count as silent


def whitening(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Of centred signals [T C]: the matrix [C C] to variance one, and their covariance [C C]."""
    covariance = x.T @ x / x.shape[0]
    variances, directions = jnp.linalg.eigh(covariance)
    loud = variances > _RELATIVE * variances[-1]
    scale = jnp.where(loud, jax.lax.rsqrt(jnp.where(loud, variances, 1)), 0)
    return scale[:, None] * directions.T, covariance


def decorrelated(w: jax.Array) -> jax.Array:
    """The nearest orthogonal matrix, (w w')^(-1/2) w, [C C] -> [C C]."""
    values, vectors = jnp.linalg.eigh(w @ w.T)
    return (vectors * jax.lax.rsqrt(jnp.maximum(values, 1e-12))) @ vectors.T @ w


def fast_ica(
    x: jax.Array,
    start: jax.Array,
    *,
    contrast: Literal["logcosh", "cube"] = "logcosh",
    iterations: int = 200,
    tolerance: float = 1e-4,
) -> jax.Array:
    """Unmixing matrix of centred signals [T C] from `start` [C C] -> [C C].

    Its rows give signals of variance one. Ends when no row turns by more than the tolerance, or
    after so many iterations.
    """
    matrix, _ = whitening(x)
    white = x @ matrix.T

    def move(carry: tuple) -> tuple:
        w, _, count = carry
        y = white @ w.T
        if contrast == "logcosh":
            value = jnp.tanh(y)
            slope = 1 - jnp.square(value)
        else:
            value, slope = y**3, 3 * jnp.square(y)
        new = decorrelated(value.T @ white / x.shape[0] - slope.mean(0)[:, None] * w)
        turned = jnp.abs(jnp.abs(jnp.einsum("ij,ij->i", new, w)) - 1).max()
        return new, turned, count + 1

    def going(carry: tuple) -> jax.Array:
        return (carry[1] > tolerance) & (carry[2] < iterations)

    first = (decorrelated(start), jnp.asarray(jnp.inf, x.dtype), 0)
    return jax.lax.while_loop(going, move, first)[0] @ matrix
