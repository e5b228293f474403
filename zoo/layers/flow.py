"""Invertible layers [B T C] -> [B T C] with their log-determinants [B].

Each gives (output, log-determinant), the logarithm of the absolute determinant of its Jacobian in
nats, in float32: [B] over all of an example, or a scalar per time step where it is the same for
all. Densities follow: log p(x) = log p(z) + log-determinant.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.signal.precision import HIGHEST


def squeeze(x: jax.Array, factor: int) -> jax.Array:
    """Neighbouring samples side by side, [B T C] -> [B T/factor factor*C], the time index first."""
    batch, length, channels = x.shape
    if length % factor:
        raise BadInput(f"{length} samples make no groups of {factor}: use a multiple of it")
    return x.reshape(batch, length // factor, factor * channels)


def unsqueeze(x: jax.Array, factor: int) -> jax.Array:
    """Inverse of `squeeze`, [B T C] -> [B T*factor C/factor]."""
    batch, length, channels = x.shape
    return x.reshape(batch, length * factor, channels // factor)


def squeeze_channels(x: jax.Array) -> jax.Array:
    """Pairs of samples side by side, [B T C] -> [B T/2 2C], the channel first: 2c + i of sample i.

    FloWaveNet's order, by which the halves of the channels are the halves of every squeeze before.
    """
    batch, length, channels = x.shape
    if length % 2:
        raise BadInput(f"{length} samples make no pairs: use an even number")
    pairs = x.reshape(batch, length // 2, 2, channels).swapaxes(2, 3)
    return pairs.reshape(batch, length // 2, 2 * channels)


def unsqueeze_channels(x: jax.Array) -> jax.Array:
    """Inverse of `squeeze_channels`, [B T C] -> [B 2T C/2]."""
    batch, length, channels = x.shape
    pairs = x.reshape(batch, length, channels // 2, 2).swapaxes(2, 3)
    return pairs.reshape(batch, 2 * length, channels // 2)


def affine(x: jax.Array, log_scale: jax.Array, shift: jax.Array) -> tuple[jax.Array, jax.Array]:
    """exp(log_scale) x + shift and its log-determinant, [B T C] three times -> [B T C], [B]."""
    x, log_scale, shift = (a.astype(jnp.float32) for a in (x, log_scale, shift))
    return jnp.exp(log_scale) * x + shift, jnp.sum(log_scale, axis=(1, 2))


def affine_inverse(y: jax.Array, log_scale: jax.Array, shift: jax.Array) -> jax.Array:
    """The x of which `affine` makes y, [B T C] three times -> [B T C]."""
    y, log_scale, shift = (a.astype(jnp.float32) for a in (y, log_scale, shift))
    return (y - shift) * jnp.exp(-log_scale)


def _rotation(key: jax.Array, shape: tuple[int, int], dtype: Any = jnp.float32) -> jax.Array:
    """Initialiser: a random orthogonal matrix of determinant +1, [C C]."""
    matrix = nn.initializers.orthogonal()(key, shape, dtype)
    return matrix.at[:, 0].multiply(jnp.sign(jnp.linalg.det(matrix)))


class ActNorm(nn.Module):
    """scale (x + loc) of every channel, [B T C] -> [B T C], and its log-determinant per time step.

    The first batch gives the parameters 'loc' and 'scale' [C]: it comes out with mean zero and
    deviation one. Glow (Kingma and Dhariwal 2018); 1e-6 is FloWaveNet's code's.
    """

    @nn.compact
    def __call__(self, x: jax.Array, *, inverse: bool = False) -> tuple[jax.Array, jax.Array]:
        x = x.astype(jnp.float32)
        loc = self.param("loc", lambda _: -x.mean((0, 1)))
        scale = self.param("scale", lambda _: 1 / (_deviations(x) + 1e-6))
        y = x / scale - loc if inverse else scale * (x + loc)
        log_det = jnp.sum(jnp.log(jnp.abs(scale)))
        return y, -log_det if inverse else log_det


def _deviations(x: jax.Array) -> jax.Array:
    """Standard deviation of every channel [B T C] -> [C], the sample's as torch has it."""
    return jnp.std(x, (0, 1), ddof=min(1, x.shape[0] * x.shape[1] - 1))


class InvertibleConv(nn.Module):
    """1x1 convolution [B T C] -> [B T C] with a square kernel [C C], and its log-determinant.

    Float32 throughout. The log-determinant is that of one time step; multiply by T. Glow (Kingma
    and Dhariwal 2018); torch's weight [C C 1] is the kernel transposed.
    """

    channels: int

    def setup(self) -> None:
        self.kernel = self.param("kernel", _rotation, (self.channels, self.channels))

    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        # slogdet and not the logarithm of det: training may turn the sign of the determinant.
        return jnp.matmul(x, self.kernel, precision=HIGHEST), jnp.linalg.slogdet(self.kernel)[1]

    def inverse(self, y: jax.Array) -> jax.Array:
        return jnp.matmul(y, jnp.linalg.inv(self.kernel), precision=HIGHEST)
