"""Samples in [-1, 1] to integer codes and back, mu-law or linear, any shape -> same shape.

Mu-law codes follow ITU-T G.711's curve with mu = 2^bits - 1, rounded to nearest as WaveNet's public
implementations and torchaudio do. Likelihoods over mu-law and linear codes are not comparable.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def compand(x: jax.Array, mu: int = 255) -> jax.Array:
    """Mu-law curve, [...] in [-1, 1] -> [...] in [-1, 1]; its slope at zero is mu / ln(1 + mu)."""
    side = _side(x)
    return side * jnp.log1p(mu * side * x) / np.log1p(mu).astype(np.float32)


def expand(y: jax.Array, mu: int = 255) -> jax.Array:
    """Inverse of `compand`, [...] in [-1, 1] -> [...] in [-1, 1]."""
    side = _side(y)
    return side * jnp.expm1(side * y * np.log1p(mu).astype(np.float32)) / mu


def encode(x: jax.Array, bits: int = 8) -> jax.Array:
    """Mu-law codes, [...] in [-1, 1] -> [...] int32 in [0, 2^bits). Louder samples are clipped."""
    mu = 2**bits - 1
    y = compand(jnp.clip(x, -1.0, 1.0), mu)
    return jnp.clip(jnp.floor((y + 1) / 2 * mu + 0.5), 0, mu).astype(jnp.int32)


def decode(codes: jax.Array, bits: int = 8) -> jax.Array:
    """Samples of mu-law codes, [...] int in [0, 2^bits) -> [...] float32 in [-1, 1].

    The number of codes is even, so none is silence: the code of 0.0 decodes to 9e-5 at 8 bits.
    """
    mu = 2**bits - 1
    return expand(codes.astype(jnp.float32) / mu * 2 - 1, mu)


def encode_linear(x: jax.Array, bits: int = 8) -> jax.Array:
    """Evenly spaced codes, [...] in [-1, 1] -> [...] int32 in [0, 2^bits); silence is 2^(bits-1).

    At 16 bits it is the PCM value plus 32768, so int16 audio passes without loss.
    """
    half = 2 ** (bits - 1)
    return (jnp.clip(jnp.round(x * half), -half, half - 1) + half).astype(jnp.int32)


def decode_linear(codes: jax.Array, bits: int = 8) -> jax.Array:
    """Samples of linear codes, [...] int in [0, 2^bits) -> [...] float32 in [-1, 1)."""
    half = 2 ** (bits - 1)
    return (codes.astype(jnp.float32) - half) / half


def _side(x: jax.Array) -> jax.Array:
    # jnp.sign is zero at zero and would swallow the gradient of silence.
    return jnp.where(x < 0, -1.0, 1.0).astype(jnp.float32)
