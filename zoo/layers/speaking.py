"""What decoders that speak a text share: what they read and say, and the pre-net's dropout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

MASKED = -1e9  # energy of characters that are not there


class Spoken(NamedTuple):
    """frames, refined [B F M]; stop [B F], logits of the end; alignment [B S L], S steps."""

    frames: jax.Array
    refined: jax.Array
    stop: jax.Array
    alignment: jax.Array


class Memory(NamedTuple):
    """What attention reads: values [B L D], keys [B L A], known [B L]."""

    values: jax.Array
    keys: jax.Array
    known: jax.Array


def weights_of(energy: jax.Array, known: jax.Array) -> jax.Array:
    """Attention's weights [B L] float32 of energies [B L], none where there is no character."""
    return jax.nn.softmax(jnp.where(known.astype(bool), energy.astype(jnp.float32), MASKED))


def prenet(
    layers: Sequence[Callable[[jax.Array], jax.Array]],
    x: jax.Array,
    chances: jax.Array,
    drop: jax.Array | float,
) -> jax.Array:
    """ReLU layers with dropout that is always on, [B ... M] -> [B ... P].

    chances: uniform numbers [B ... sum of P] that decide what is dropped, each with probability
    `drop`.
    """
    for layer in layers:
        x = nn.relu(layer(x))
        chance, chances = jnp.split(chances, [x.shape[-1]], -1)
        x = jnp.where(chance >= drop, x / (1 - drop), 0).astype(x.dtype)
    return x
