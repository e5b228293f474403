"""Mel frames to a frame a sample, by transposed convolutions over time and a few bins at once.

Of public vocoders: r9y9/wavenet_vocoder 0.1 (each frame fills its own stretch of time, ReLU) and
ksw0306/FloWaveNet (taps reach over two strides, weight norm, leaky ReLU).
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import convolve_transposed
from zoo.layers.initializers import Initializer, Starts, torch
from zoo.layers.norm import weight_norm


def mean_of(count: int) -> Starts:
    """Starts of a layer that gives the mean of the `count` values its filter lies on at a time.

    torch's own starts leave of frames [B F M], after two layers, a hundredth of their movement.
    """

    def starts(fan: int) -> Any:
        constant: Initializer = nn.initializers.constant(1 / count)
        return {"kernel_init": constant, "bias_init": nn.initializers.zeros}

    return starts


class MelUpsampling(nn.Module):
    """Mel [B F M] -> [B F*factor M]: one filter for all bins, and a leaky ReLU.

    The filter has span * factor taps of time and `bins`, an odd number, of frequency; it is torch's
    ConvTranspose2d of one channel, whose weight [1 1 bins taps] is `kernel` [taps bins 1] here.
    """

    factor: int
    span: int = 2
    bins: int = 3
    slope: float = 0.4
    weight_norm: bool = True
    starts: Starts = torch
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, mel: jax.Array) -> jax.Array:
        if self.bins % 2 == 0:
            raise BadInput(f"a filter over {self.bins} bins has no middle; use an odd number")
        batch, frames, bins = mel.shape
        shape = (self.span * self.factor, self.bins, 1)
        starts = self.starts(shape[0] * shape[1])
        kernel = self.param("kernel", starts["kernel_init"], shape)
        if self.weight_norm:
            kernel = weight_norm(self, kernel, 2)
        bias = self.param("bias", starts["bias_init"], (1,))
        side = self.bins // 2
        padded = jnp.pad(mel, ((0, 0), (0, 0), (side, side)))
        # A transposed convolution turns its taps round: the first weighs the highest bin.
        shifts = range(2 * side, -1, -1)
        near = jnp.stack([padded[..., i : bins + i] for i in shifts], -1)
        rows = near.swapaxes(1, 2).reshape(batch * bins, frames, self.bins)
        rows, kernel, bias = (x.astype(self.dtype) for x in (rows, kernel, bias))
        y = convolve_transposed(rows, kernel, stride=self.factor, padding="same") + bias
        y = y.reshape(batch, bins, frames * self.factor).swapaxes(1, 2)
        return nn.leaky_relu(y, self.slope)


class MelUpsampler(nn.Module):
    """Mel [B F M] -> [B T M], T = F prod(factors): r9y9's, none of whose samples mixes two frames.

    `bins` of frequency mix in each of the layers, whose weights begin at 1 / bins.
    """

    factors: tuple[int, ...] = (4, 4, 4, 4)
    bins: int = 3
    dtype: Any = jnp.float32

    reach = 0  # frames to either side that a sample depends on, besides its own

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        starts = mean_of(self.bins)
        for number, factor in enumerate(self.factors):
            x = MelUpsampling(
                factor, 1, self.bins, 0.0, False, starts, self.dtype, name=f"layers_{number}"
            )(x)
        return x
