"""Losses of piano transcription, (prediction, target, weights) [B F K] -> loss per example [B].

Hawthorne et al. 2018 (arXiv 1710.11153), sections 3 and 4.
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
