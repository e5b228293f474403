"""Wave-U-Net's two halves, on which models of its kind stand: samples to samples, scale by scale.

Source, variants and deviations: zoo/models/separation/wave_unet.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.initializers import GLOROT, per_gate, torch_recurrent
from zoo.layers.recurrent import LSTM
from zoo.layers.upsample import LearnedInterpolation, linear_aligned, linear_legacy
from zoo.signal.framing import crop
from zoo.signal.precision import HIGHEST


def _theta_init(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """TensorFlow's Glorot range for a vector: both fans are its length."""
    limit = (3 / shape[0]) ** 0.5
    return jax.random.uniform(key, shape, dtype, -limit, limit)


class Filters(nn.Module):
    """Convolution and leaky ReLU (0.2), [B T C] -> [B T' features]; sows 'output'."""

    features: int
    kernel_size: int
    context: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = Conv(
            self.features,
            self.kernel_size,
            padding="valid" if self.context else "same",
            kernel_init=GLOROT,
            dtype=self.dtype,
            name="conv",
        )(x)
        x = nn.leaky_relu(x, 0.2)
        self.sow("intermediates", "output", x)
        return x


class DenseFilters(nn.Module):
    """Dilated convolutions that read all before them, joined to `features`, [B T C] alike.

    growth: channels that each adds.
    """

    features: int
    kernel_size: int
    dilations: tuple[int, ...]
    growth: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for layer, dilation in enumerate(self.dilations, 1):
            y = Conv(
                self.growth,
                self.kernel_size,
                dilation=dilation,
                padding="same",
                kernel_init=GLOROT,
                dtype=self.dtype,
                name=f"conv_{layer}",
            )(x)
            x = jnp.concatenate([x, nn.leaky_relu(y, 0.2)], -1)
        return Filters(self.features, 1, False, self.dtype, name="join")(x)


class WaveUNetScales(nn.Module):
    """Mixture [B T C] -> sources [B T' S C] with any function in the middle; fields: `WaveUNet`."""

    levels: int = 12
    width: int = 24  # channels added per level
    sources: int = 2
    channels: int = 1
    context: bool = False  # convolutions without padding, on an input longer than the output
    output: Literal["direct", "difference"] = "direct"
    upsampling: Literal["linear", "learned"] = "linear"
    down_kernel: int = 15
    up_kernel: int = 5
    activation: Literal["tanh", "linear"] = "tanh"
    lstm_layers: int = 0  # at the bottleneck
    dilations: tuple[int, ...] = ()  # of the filters of a dense block; none: plain filters
    growth: float = 0.25
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> float:
        """Samples of the mixture that one output sample sees at most."""
        if self.lstm_layers:
            return math.inf
        span, wider = 1, max(sum(self.dilations), 1)
        for _ in range(self.levels):
            # Interpolated between the samples around it.
            span = (span + (self.up_kernel - 1) * wider + 1) // 2 + 1
        span += (self.down_kernel - 1) * wider
        for _ in range(self.levels):
            span = 2 * span - 1 + (self.down_kernel - 1) * wider
        return span

    @property
    def length_step(self) -> int:
        """By whole multiples of which the lengths of inputs differ."""
        return 2**self.levels

    def input_length(self, wanted: int) -> int:
        """Shortest input T whose output has at least `wanted` samples."""
        scale = 2**self.levels
        if not self.context:
            return max(-(-wanted // scale), 1) * scale
        lost = self.up_kernel
        lowest = max(-(-(wanted - lost) // scale), 0) + lost
        return scale * (lowest + 2 * self.down_kernel - 3) - (self.down_kernel - 2)

    def output_length(self, length: int) -> int:
        """Samples T' of output for an input of T, which must be of a length that fits."""
        scale = 2**self.levels
        if not self.context:
            if length < 1 or length % scale:
                raise BadInput(f"Wave-U-Net takes a multiple of {scale:,} samples, not {length:,}")
            return length
        lost = self.up_kernel
        lowest = (length + self.down_kernel - 2) // scale - (2 * self.down_kernel - 3)
        wanted = scale * (max(lowest, lost) - lost) + lost
        if self.input_length(wanted) != length:
            near = (self.input_length(wanted), self.input_length(wanted + scale))
            raise BadInput(f"Wave-U-Net takes {near[0]:,} or {near[1]:,} samples, not {length:,}")
        return wanted

    def _upsample(self, x: jax.Array, level: int) -> jax.Array:
        if self.upsampling == "learned":
            return LearnedInterpolation(
                self.context, _theta_init, self.dtype, name=f"upsample_{level}"
            )(x)
        return linear_aligned(x) if self.context else linear_legacy(x)

    def separated(
        self, x: jax.Array, conditioned: Callable[[jax.Array], jax.Array], train: bool
    ) -> jax.Array:
        """[B T C] -> [B T' S C], with `conditioned` between the halves, [B F D] -> [B F ...]."""
        if x.ndim != 3 or x.shape[-1] != self.channels:
            raise BadInput(f"Wave-U-Net takes [B T {self.channels}], not {x.shape}")
        if self.dilations and self.context:
            raise BadInput("dilated dense blocks pad what they read: set context=False")
        length = self.output_length(x.shape[1])
        mixture, skips = x, []
        for level in range(self.levels):
            x = self._filters(level, self.down_kernel, f"down_{level + 1}", x)
            skips.append(x)
            x = x[:, ::2]
        x = self._filters(self.levels, self.down_kernel, "bottleneck", x)
        for layer in range(self.lstm_layers):
            x = self._lstm(f"lstm_{layer}", x)
        x = conditioned(x)
        for level in reversed(range(self.levels)):
            x = self._upsample(x, level + 1)
            x = jnp.concatenate([crop(skips[level], x.shape[1]), x], -1)
            x = self._filters(level, self.up_kernel, f"up_{level + 1}", x)
        mixture = crop(mixture, length)
        return self._sources(mixture, x, train)

    def _filters(self, level: int, taps: int, name: str, x: jax.Array) -> jax.Array:
        features = self.width * (level + 1)
        if not self.dilations:
            return Filters(features, taps, self.context, self.dtype, name=name)(x)
        growth = max(round(self.growth * features), 1)
        return DenseFilters(features, taps, self.dilations, growth, self.dtype, name=name)(x)

    def _lstm(self, name: str, x: jax.Array) -> jax.Array:
        width = x.shape[-1] // 2
        how = dict(bidirectional=True, dtype=self.dtype, name=name, **torch_recurrent(width))
        return LSTM(width, **how)(x)[0]

    def _sources(self, mixture: jax.Array, x: jax.Array, train: bool) -> jax.Array:
        predicted = self.sources - (self.output == "difference")
        # In float32, where the mixture is: the rounding of bfloat16 is a hiss.
        x = jnp.concatenate([mixture, x], -1)
        each = per_gate(*[GLOROT] * predicted)  # a convolution of its own for each source
        features = predicted * self.channels
        x = Conv(features, 1, kernel_init=each, precision=HIGHEST, name="output")(x)
        x = x.reshape(*x.shape[:2], predicted, self.channels)
        if self.activation == "tanh":
            x = jnp.tanh(x)
        elif not train:
            x = jnp.clip(x, -1, 1)
        if self.output == "direct":
            return x
        rest = mixture[:, :, None] - x.sum(2, keepdims=True)
        return jnp.concatenate([x, rest if train else jnp.clip(rest, -1, 1)], 2)
