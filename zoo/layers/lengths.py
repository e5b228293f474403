"""Sequences of different lengths in one array [B T C], whose ends are filled up."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.recurrent import GRU, LSTM


def mask_frames(x: jax.Array, known: jax.Array) -> jax.Array:
    """x [B T C] with zeros where `known` [B T] is 0 -> [B T C]."""
    return jnp.where(known.astype(bool)[..., None], x, jnp.zeros((), x.dtype))


def _flipped(x: jax.Array, known: jax.Array) -> jax.Array:
    """Each sequence of x [B T C] backwards within its own length, the filling as it is -> [B T C].

    known [B T]: 1 up to the end of each.
    """
    length = known.astype(jnp.int32).sum(1, keepdims=True)
    at = jnp.arange(x.shape[1])[None]
    return jnp.take_along_axis(x, jnp.where(at < length, length - 1 - at, at)[..., None], 1)


class BothWays(nn.Module):
    """A recurrent layer both ways over each sequence's own length, [B T C] -> [B T 2D].

    As torch's bidirectional layers over packed sequences: zeros behind the end. layers: two of
    one kind, the second of which reads backwards.
    """

    ahead: LSTM | GRU
    back: LSTM | GRU

    def __call__(self, x: jax.Array, known: jax.Array) -> jax.Array:
        first, _ = self.ahead(x)
        second, _ = self.back(_flipped(x, known))
        return mask_frames(jnp.concatenate([first, _flipped(second, known)], -1), known)
