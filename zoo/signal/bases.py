"""Bases of short frames of sound, learnt by ICA: filters whose outputs are independent."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from zoo.signal import generalised_gaussian as gg
from zoo.signal.precision import HIGHEST


class Bases(NamedTuple):
    """filters [K N] that frames [n N] are analysed by, to values of deviation 1; exponents [K]."""

    filters: jax.Array
    exponents: jax.Array


def add_white_noise(frames: jax.Array, share: float, key: jax.Array) -> jax.Array:
    """Frames [n N] with white noise of that share of their mean power: no direction is empty."""
    level = jnp.sqrt(share * jnp.square(frames).mean() + 1e-20)
    return frames + level * jax.random.normal(key, frames.shape)


def whitening_bases(frames: jax.Array) -> Bases:
    """Filters [N N] to begin with, whose outputs of frames [n N] are white."""
    covariance = jnp.matmul(frames.T, frames, precision=HIGHEST) / len(frames)
    variances, directions = jnp.linalg.eigh(covariance)
    scale = jax.lax.rsqrt(jnp.maximum(variances, 1e-7 * variances[-1]))
    # Rotated back, so that filters begin local, as learnt ones are, and not as sinusoids.
    return Bases(
        jnp.matmul(directions * scale, directions.T, precision=HIGHEST), jnp.ones(len(covariance))
    )


def learnt(
    bases: Bases, frames: jax.Array, key: jax.Array, *, steps: int, batch: int, rate: float
) -> Bases:
    """Maximum likelihood of frames [n N] under generalised Gaussians, by natural gradients.

    W moves by rate (1 - slope(s) s') W with s = W x of random frames; the rate falls to zero along
    a line, exponents are found anew for every batch, and values are scaled to deviation 1 at last.
    """
    size = len(bases.filters)

    def move(step: int, w: jax.Array) -> jax.Array:
        chosen = jax.random.randint(jax.random.fold_in(key, step), (batch,), 0, len(frames))
        s = jnp.matmul(frames[chosen], w.T, precision=HIGHEST)
        turn = jnp.matmul(_slopes(s).T, s, precision=HIGHEST) / batch
        by = rate * (1 - step / steps) * (jnp.eye(size) - turn)
        # Heavy tails make a rare batch ask for more than the matrix itself.
        by = by / jnp.maximum(1, jnp.sqrt(jnp.square(by).sum()))
        return w + jnp.matmul(by, w, precision=HIGHEST)

    w = jax.lax.fori_loop(0, steps, move, bases.filters)
    s = jnp.matmul(frames, w.T, precision=HIGHEST)
    deviation = jnp.sqrt(jnp.square(s).mean(0))
    return Bases(w / jnp.maximum(deviation, 1e-8)[:, None], gg.shape(s))


def _slopes(s: jax.Array) -> jax.Array:
    deviation = jnp.sqrt(jnp.square(s).mean(0) + 1e-20)
    return gg.score_function(s / deviation, gg.shape(s), rounded=0.05) / deviation


def log_likelihood(bases: Bases, frames: jax.Array) -> jax.Array:
    """Mean log-density of frames [n N], in nats per sample, []."""
    s = jnp.matmul(frames, bases.filters.T, precision=HIGHEST)
    found = gg.log_density(s, bases.exponents, jnp.ones(())).sum(1).mean()
    return (found + jnp.linalg.slogdet(bases.filters)[1]) / frames.shape[1]
