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
    target = target.astype(prediction.dtype)
    # The form that neither overflows nor loses small probabilities.
    nats = jnp.maximum(prediction, 0) - prediction * target
    nats = nats + jnp.log1p(jnp.exp(-jnp.abs(prediction)))
    if known is None:
        return per_example(nats)
    weight = jnp.broadcast_to(known.astype(nats.dtype), nats.shape)
    axes = tuple(range(1, nats.ndim))
    # `where`, because a product would keep the NaN of an unknown label.
    heard = jnp.where(weight > 0, nats, 0.0) * weight
    return heard.sum(axes) / jnp.maximum(weight.sum(axes), 1.0)


def cross_entropy(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """One class of K, logits [B ... K], class numbers [B ...] int -> [B] nats, mean of the rest."""
    chosen = jnp.take_along_axis(prediction, target[..., None], axis=-1)[..., 0]
    return per_example(jax.nn.logsumexp(prediction, axis=-1) - chosen)
