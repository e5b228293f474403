"""Grouping of components into as many clusters as there are sources, without drawing anything."""

from __future__ import annotations

import jax
import jax.numpy as jnp

_AT_CENTRE = 1e-7  # squared distance, which rounding reaches: nearer is no nearer


def farthest_first(x: jax.Array, weights: jax.Array, count: int) -> jax.Array:
    """Centres to begin with, points [K D] -> [count D]: the heaviest, then ever the farthest.

    weights: [K]; points count by their distance times the root of it, as Lloyd's cost does.
    """
    first = x[jnp.argmax(weights)]
    centres = jnp.zeros((count, x.shape[1]), x.dtype).at[0].set(first)

    def add(at: int, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        centres, nearest = carry
        chosen = x[jnp.argmax(nearest * weights)]
        return centres.at[at].set(chosen), jnp.minimum(nearest, _squares(x, chosen[None])[:, 0])

    return jax.lax.fori_loop(1, count, add, (centres, _squares(x, first[None])[:, 0]))[0]


def k_means(
    x: jax.Array, weights: jax.Array, centres: jax.Array, iterations: int = 50
) -> tuple[jax.Array, jax.Array]:
    """Lloyd's algorithm on points [K D] of weights [K] from centres [S D] -> labels [K], centres.

    A cluster that loses all of its points keeps its centre. Equal weights: scikit-learn's KMeans.
    """

    def move(_: int, centres: jax.Array) -> jax.Array:
        owner = jax.nn.one_hot(_labels(x, centres), len(centres)) * weights[:, None]
        total = owner.sum(0)[:, None]
        return jnp.where(total > 0, (owner.T @ x) / jnp.where(total > 0, total, 1), centres)

    centres = jax.lax.fori_loop(0, iterations, move, centres)
    return _labels(x, centres), centres


def fuzzy_c_means(
    x: jax.Array, weights: jax.Array, centres: jax.Array, iterations: int = 50
) -> tuple[jax.Array, jax.Array]:
    """Memberships [K S], which sum to one, of points [K D] of weights [K]; centres [S D] -> both.

    James Bezdek, "Pattern Recognition with Fuzzy Objective Function Algorithms", 1981, with his
    exponent at 2: a point between two centres belongs to both, inversely to its squared distances.
    """

    def belong(centres: jax.Array) -> jax.Array:
        near = 1 / jnp.maximum(_squares(x, centres), _AT_CENTRE)
        return near / near.sum(1, keepdims=True)

    def move(_: int, centres: jax.Array) -> jax.Array:
        owner = jnp.square(belong(centres)) * weights[:, None]
        total = owner.sum(0)[:, None]
        return jnp.where(total > 0, (owner.T @ x) / jnp.where(total > 0, total, 1), centres)

    centres = jax.lax.fori_loop(0, iterations, move, centres)
    return belong(centres), centres


def memberships(x: jax.Array, weights: jax.Array, clusters: int) -> jax.Array:
    """How much of points [K D] with weights [K] is of each cluster, [K clusters]; rows sum to one.

    `fuzzy_c_means` from where `k_means` ends.
    """
    _, centres = k_means(x, weights, farthest_first(x, weights, clusters))
    return fuzzy_c_means(x, weights, centres)[0]


def spectral(affinity: jax.Array, weights: jax.Array, clusters: int) -> jax.Array:
    """Memberships [K clusters] by the similarities [K K] of points: Ng, Jordan, Weiss, NIPS 2002.

    The first eigenvectors of the normalised affinity, with rows of length one, are clustered.
    """
    scale = jax.lax.rsqrt(jnp.maximum(affinity.sum(1), 1e-12))
    _, vectors = jnp.linalg.eigh(scale[:, None] * affinity * scale)
    rows = vectors[:, -clusters:]
    length = jnp.sqrt(jnp.square(rows).sum(1, keepdims=True))
    return memberships(rows / jnp.maximum(length, 1e-12), weights, clusters)


def _squares(x: jax.Array, centres: jax.Array) -> jax.Array:
    """Squared distances, [K D] and [S D] -> [K S]."""
    return jnp.square(x[:, None] - centres).sum(2)


def _labels(x: jax.Array, centres: jax.Array) -> jax.Array:
    return jnp.argmin(_squares(x, centres), 1)
