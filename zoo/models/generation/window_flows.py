"""NICE and RealNVP on windows of audio: the first flows, without a condition.

Dinh, Krueger, Bengio 2014, arXiv 1410.8516: additive couplings by networks of five hidden layers,
then a scale of every dimension. Dinh, Sohl-Dickstein, Bengio 2017 (ICLR), arXiv 1605.08803, section
3: affine couplings by convolutions, masks in turns, squeezes, and half of the channels leave at
each scale.

Deviations and guesses
- both were made for images; here dimensions are the samples of a window and masks are even and odd
  samples, which are RealNVP's halves of the channels, too, after a squeeze by two; widths are ours;
- RealNVP's batch normalisation between couplings is left out; couplings begin as the identity;
- scales begin at exp(2.5), since music is far softer than noise of deviation one.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.flow import affine, affine_inverse, squeeze_channels, unsqueeze_channels
from zoo.signal.precision import HIGHEST

_ZERO = nn.initializers.zeros
LOUDER = nn.initializers.constant(2.5)
# float32, for what it gives is added to sound.
_END: dict[str, Any] = {"kernel_init": _ZERO, "precision": HIGHEST}


class Perceptron(nn.Module):
    """Hidden layers of ReLUs, [B D] -> [B D]; the last map begins at zero."""

    width: int
    layers: int
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        features, hidden = x.shape[-1], x
        for i in range(self.layers):
            hidden = nn.relu(nn.Dense(self.width, dtype=self.dtype, name=f"hidden_{i}")(hidden))
        return nn.Dense(features, name="end", **_END)(hidden.astype(jnp.float32))


class Nice(nn.Module):
    """Audio [B T 1] -> (z [B T], log-determinant [B]), and back; T is `samples`."""

    samples: int = 1024
    couplings: int = 4
    width: int = 1000
    layers: int = 5
    dtype: Any = jnp.float32

    zero_gradient_at_init = ("hidden_",)

    def setup(self) -> None:
        _even(self.samples, 2)
        self.nets = [Perceptron(self.width, self.layers, self.dtype) for _ in range(self.couplings)]
        self.log_scale = self.param("log_scale", LOUDER, (self.samples,))

    @property
    def receptive_field(self) -> int:
        """Samples of which one number of z is made: a window."""
        return self.samples

    def __call__(self, audio: jax.Array, *, train: bool = False) -> tuple[jax.Array, jax.Array]:
        still, moved = audio[:, ::2, 0], audio[:, 1::2, 0]
        for net in self.nets:
            still, moved = moved + net(still), still
        z = jnp.exp(self.log_scale) * jnp.concatenate([still, moved], -1)
        return z, jnp.full(len(audio), jnp.sum(self.log_scale))

    def inverse(self, z: jax.Array) -> jax.Array:
        """The audio [B T 1] of which `__call__` makes z [B T]."""
        still, moved = jnp.split(z * jnp.exp(-self.log_scale), 2, -1)
        for net in reversed(self.nets):
            still, moved = moved, still - net(moved)
        return jnp.stack([still, moved], -1).reshape(len(z), self.samples, 1)


class Scaling(nn.Module):
    """Convolutions [B T C] -> (log scale, shift), each [B T C]; |log scale| is at most `bound`."""

    width: int
    layers: int
    dtype: Any
    bound: float = 3.0

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        features = x.shape[-1]
        x = Conv(self.width, 3, dtype=self.dtype, name="hidden_in")(x)
        for i in range(self.layers):
            y = Conv(self.width, 3, dilation=2**i, dtype=self.dtype, name=f"hidden_{i}")(nn.relu(x))
            x = x + y
        end = Conv(2 * features, 1, name="end", **_END)(nn.relu(x).astype(jnp.float32))
        log_scale, shift = jnp.split(end, 2, -1)
        return self.bound * jnp.tanh(log_scale / self.bound), shift


class RealNVP(nn.Module):
    """Audio [B T 1] -> (z [B T], log-determinant [B]), and back; T is `samples`.

    Every scale halves the rate and has `couplings` of halves in turns; then half of the channels
    leave, but not after the last.
    """

    samples: int = 1024
    scales: int = 4
    couplings: int = 4
    width: int = 64
    layers: int = 4
    dtype: Any = jnp.float32

    zero_gradient_at_init = ("hidden_",)

    def setup(self) -> None:
        _even(self.samples, 2**self.scales)
        how = (self.width, self.layers, self.dtype)
        self.nets = [[Scaling(*how) for _ in range(self.couplings)] for _ in range(self.scales)]
        self.log_scale = self.param("log_scale", LOUDER, ())

    @property
    def receptive_field(self) -> int:
        """Samples of which one number of z is made, at most: a window."""
        return self.samples

    def __call__(self, audio: jax.Array, *, train: bool = False) -> tuple[jax.Array, jax.Array]:
        x, left = audio * jnp.exp(self.log_scale), []
        total = jnp.full(len(audio), self.samples * self.log_scale)
        for scale, nets in enumerate(self.nets):
            still, moved = jnp.split(squeeze_channels(x), 2, -1)
            for net in nets:
                moved, log_det = affine(moved, *net(still))
                still, moved, total = moved, still, total + log_det
            if scale < self.scales - 1:
                left.append(moved.reshape(len(x), -1))
                x = still
        last = jnp.concatenate([still, moved], -1).reshape(len(x), -1)
        return jnp.concatenate([last, *reversed(left)], -1), total

    def inverse(self, z: jax.Array) -> jax.Array:
        """The audio [B T 1] of which `__call__` makes z [B T]."""
        steps = self.samples // 2**self.scales
        x = z[:, : 2 * steps].reshape(len(z), steps, 2)
        for scale in reversed(range(self.scales)):
            if scale < self.scales - 1:
                count = x.shape[1] * x.shape[2]
                gone = z[:, count : 2 * count].reshape(x.shape)
                x = jnp.concatenate([x, gone], -1)
            still, moved = jnp.split(x, 2, -1)
            for net in reversed(self.nets[scale]):
                still, moved = moved, affine_inverse(still, *net(moved))
            x = unsqueeze_channels(jnp.concatenate([still, moved], -1))
        return x * jnp.exp(-self.log_scale)


def _even(samples: int, factor: int) -> None:
    if samples % factor:
        raise BadInput(f"windows of {samples} samples: use a multiple of {factor}")
