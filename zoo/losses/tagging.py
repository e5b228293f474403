"""Losses of labels, (prediction [B ...], target [B ...]) -> loss per example [B] in nats.

As everywhere in `zoo.losses`: prediction first, target second, one number an example; objectives
take the mean over the batch.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from zoo.losses.waveform import per_example


def binary_cross_entropy(
    prediction: jax.Array, target: jax.Array, known: jax.Array | None = None
) -> jax.Array:
    """Mean over independent labels, logits [B ... K], targets [B ... K] in [0, 1] -> [B] nats.

    known: [B ... K] or a shape that broadcasts to it, 1 where the label was annotated; the mean is
    over those alone, and zero for an example without any.
    """
    weight = jnp.ones_like(prediction) if known is None else known.astype(prediction.dtype)
    weight = jnp.broadcast_to(weight, prediction.shape)
    # Unknown labels may be NaN, which neither a product nor its gradient forgets.
    target = jnp.where(weight > 0, target.astype(prediction.dtype), 0.0)
    nats = bernoulli(prediction, target)
    axes = tuple(range(1, nats.ndim))
    return (nats * weight).sum(axes) / jnp.maximum(weight.sum(axes), 1.0)


def bernoulli(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Cross-entropy of every label, logits [B ...], targets [B ...] in [0, 1] -> [B ...] nats."""
    # Both softplus terms keep small probabilities, where softplus(x) - x t would cancel them.
    return target * jax.nn.softplus(-prediction) + (1 - target) * jax.nn.softplus(prediction)


def cross_entropy(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """One class of K, logits [B ... K], class numbers [B ...] int -> [B] nats, mean of the rest."""
    chosen = jnp.take_along_axis(prediction, target[..., None], axis=-1)[..., 0]
    return per_example(jax.nn.logsumexp(prediction, axis=-1) - chosen)


def one_of_k(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Cross-entropy of classes, logits [B K], targets [B K] that sum to one -> [B] nats."""
    return -(target * jax.nn.log_softmax(prediction)).sum(-1)
