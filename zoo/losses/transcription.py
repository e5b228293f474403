"""Losses of transcription, (prediction, target, ...) [B F K] -> loss per example [B].

Hawthorne et al. 2018 (arXiv 1710.11153), sections 3 and 4; Bittner et al. 2022 (arXiv 2203.09893)
as in the `models` of basic-pitch 0.4.0.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from zoo.losses.tagging import bernoulli
from zoo.losses.waveform import per_example


def weighted_cross_entropy(
    prediction: jax.Array, target: jax.Array, weights: jax.Array | None = None
) -> jax.Array:
    """Mean over frames and keys of weights x binary cross-entropy of logits [B F K] -> [B] nats."""
    nats = bernoulli(prediction, target)
    return per_example(nats if weights is None else nats * weights)


def velocity_error(prediction: jax.Array, target: jax.Array, onsets: jax.Array) -> jax.Array:
    """Mean squared error of velocities [B F K] where a note begins -> [B]; 0 where none does."""
    axes = tuple(range(1, onsets.ndim))
    squares = onsets * jnp.square(prediction - target)
    return squares.sum(axes) / jnp.maximum(onsets.sum(axes), 1.0)


def velocity_error_per_frame(
    prediction: jax.Array, target: jax.Array, onsets: jax.Array
) -> jax.Array:
    """Mean over frames of squared errors of velocities summed over onsets, [B F K] -> [B]."""
    return (onsets * jnp.square(prediction - target)).sum(-1).mean(-1)


def smoothed_cross_entropy(
    prediction: jax.Array, target: jax.Array, smoothing: float = 0.2
) -> jax.Array:
    """Mean binary cross-entropy of logits with targets drawn to 1/2, [B F K] -> [B] nats.

    smoothing: of 0.2, targets are 0.1 and 0.9.
    """
    return per_example(_smoothed(prediction, target, smoothing))


def balanced_cross_entropy(
    prediction: jax.Array, target: jax.Array, positive: float = 0.5, smoothing: float = 0.2
) -> jax.Array:
    """As `smoothed_cross_entropy`, the rare label weighed apart from the other, [B F K] -> [B].

    The mean over [B] is (1 - positive) x the mean nats where the target is 0 in all of the batch,
    plus positive x the mean where it is not: it is balanced over the batch, since a window may
    have no onset at all.
    """
    nats = _smoothed(prediction, target, smoothing)
    there = (target != 0).astype(nats.dtype)
    counts = jnp.maximum(there.sum(), 1.0), jnp.maximum((1 - there).sum(), 1.0)
    weights = positive * there / counts[0] + (1 - positive) * (1 - there) / counts[1]
    return nats.shape[0] * (nats * weights).sum(tuple(range(1, nats.ndim)))


def _smoothed(prediction: jax.Array, target: jax.Array, smoothing: float) -> jax.Array:
    return bernoulli(prediction, target * (1 - smoothing) + smoothing / 2)
