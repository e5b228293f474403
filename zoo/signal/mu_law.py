"""Samples in [-1, 1] to integer codes and back, mu-law, linear or equal bins, any shape -> same.

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


def mu_law_encode(x: jax.Array, bits: int = 8) -> jax.Array:
    """Mu-law codes, [...] in [-1, 1] -> [...] int32 in [0, 2^bits). Louder samples are clipped."""
    return encode_among(x, 2**bits)


def encode_among(x: jax.Array, count: int) -> jax.Array:
    """As `mu_law_encode`, of any number of codes: [...] in [-1, 1] -> [...] int32 in [0, count)."""
    mu = count - 1
    y = compand(jnp.clip(x, -1.0, 1.0), mu)
    return jnp.clip(jnp.floor((y + 1) / 2 * mu + 0.5), 0, mu).astype(jnp.int32)


def mu_law_decode(codes: jax.Array, bits: int = 8) -> jax.Array:
    """Samples of mu-law codes, [...] int in [0, 2^bits) -> [...] float32 in [-1, 1].

    The number of codes is even, so none is silence: the code of 0.0 decodes to 9e-5 at 8 bits.
    """
    return decode_among(codes, 2**bits)


def decode_among(codes: jax.Array, count: int) -> jax.Array:
    """Inverse of `encode_among`, [...] int in [0, count) -> [...] float32 in [-1, 1]."""
    mu = count - 1
    return expand(codes.astype(jnp.float32) / mu * 2 - 1, mu)


def encode_floored(x: jax.Array, count: int) -> jax.Array:
    """nnmnkwii's codes, mu = count, not rounded but cut: [...] in [-1, 1] -> int32 in [0, count).

    What lies less than a thousandth of a code below the next is the next, or decoded samples would
    lose a code when they are encoded again.
    """
    y = compand(jnp.clip(x, -1.0, 1.0), count)
    return jnp.clip(jnp.floor((y + 1) / 2 * count + 1e-3), 0, count - 1).astype(jnp.int32)


def decode_floored(codes: jax.Array, count: int) -> jax.Array:
    """The lower ends of `encode_floored`, [...] int in [0, count) -> [...] float32 in [-1, 1)."""
    return expand(codes.astype(jnp.float32) / count * 2 - 1, count)


def encode_linear(x: jax.Array, bits: int = 8) -> jax.Array:
    """Evenly spaced codes, [...] in [-1, 1] -> [...] int32 in [0, 2^bits); silence is 2^(bits-1).

    At 16 bits it is the PCM value plus 32768, so int16 audio passes without loss.
    """
    return encode_linear_among(x, 2**bits)


def encode_linear_among(x: jax.Array, count: int) -> jax.Array:
    """Codes 2 / count apart, [...] -> [...] int32 in [0, count); silence is code count // 2."""
    zero = count // 2
    return (jnp.clip(jnp.round(x * (count / 2)), -zero, count - 1 - zero) + zero).astype(jnp.int32)


def decode_linear(codes: jax.Array, bits: int = 8) -> jax.Array:
    """Samples of linear codes, [...] int in [0, 2^bits) -> [...] float32 in [-1, 1)."""
    return decode_linear_among(codes, 2**bits)


def decode_linear_among(codes: jax.Array, count: int) -> jax.Array:
    """Inverse of `encode_linear_among`, [...] int in [0, count) -> [...] float32 in [-1, 1)."""
    return (codes.astype(jnp.float32) - count // 2) / (count / 2)


def encode_equal(x: jax.Array, count: int) -> jax.Array:
    """Numbers of `count` bins of one width that cover [-1, 1], [...] -> [...] int32 in [0, count).

    `encode_linear` rounds instead: its first bin is half as wide, its last half as wide again.
    """
    return jnp.clip(jnp.floor((x + 1) * (count / 2)), 0, count - 1).astype(jnp.int32)


def decode_equal(codes: jax.Array, count: int) -> jax.Array:
    """Middles of the bins, [...] int in [0, count) -> [...] float32 in (-1, 1)."""
    return (codes.astype(jnp.float32) + 0.5) / (count / 2) - 1


def _side(x: jax.Array) -> jax.Array:
    # jnp.sign is zero at zero and would swallow the gradient of silence.
    return jnp.where(x < 0, -1.0, 1.0).astype(jnp.float32)
