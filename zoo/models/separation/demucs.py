"""Demucs: sources from a mixture by strided convolutions, gates and a recurrent bottleneck.

Alexandre Défossez, Nicolas Usunier, Léon Bottou, Francis Bach: "Music Source Separation in the
Waveform Domain", arXiv 1911.13254, 2019 (v1), and its revision of 2021 (v2); sizes, lengths and
initial weights as in the authors' release of either. The system of September 2019 that the tutorial
cites (arXiv 1909.01174) came before it and was never released.

Deviations and guesses:
- The rescaling of initial weights takes the deviation of the distribution that they are drawn
  from, the release that of the weights drawn.
- v2 divides its input by 1.00001 where it does not normalise, which is left out.
- The release also runs on lengths that leave samples over in a strided convolution; ours refuses.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv, TransposedConv
from zoo.layers.initializers import LayerInit, fan_uniform, torch, torch_recurrent
from zoo.layers.receptive_field import Step, total_receptive_field
from zoo.layers.recurrent import LSTM
from zoo.signal.framing import crop
from zoo.signal.precision import HIGHEST
from zoo.signal.resample import hann_sinc_filter, resample_hann


def rescaled(fan: int, reference: float) -> LayerInit:
    """PyTorch's ranges of a convolution, whose deviation s then becomes sqrt(s * reference).

    Weight and bias shrink alike; reference=0 leaves them.
    """
    # Uniform within 1 / sqrt(fan) has the deviation 1 / sqrt(3 fan).
    draw = fan_uniform((fan / 3) ** 0.5 / reference if reference else fan)
    return {"kernel_init": draw, "bias_init": draw}


def upsample_linear(x: jax.Array, factor: int) -> jax.Array:
    """Linear between neighbours, the last sample left out, [B T C] -> [B (T-1)*factor C]."""
    weight = (jnp.arange(factor, dtype=x.dtype) / factor)[:, None]
    y = x[:, :-1, None] * (1 - weight) + x[:, 1:, None] * weight
    return y.reshape(x.shape[0], -1, x.shape[2])


class Gate(nn.Module):
    """The 'rewrite': convolution, then GLU or ReLU, [B T C] -> [B T-k+1 C]."""

    kernel_size: int
    glu: bool
    rescale: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width = x.shape[-1]
        x = Conv(
            width * 2 if self.glu else width,
            self.kernel_size,
            padding="valid",
            dtype=self.dtype,
            name="conv",
            **rescaled(width * self.kernel_size, self.rescale),
        )(x)
        return nn.glu(x) if self.glu else nn.relu(x)


class BiLSTM(nn.Module):
    """Bidirectional LSTM layers and a projection to the width they began with, [B F C] alike."""

    layers: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width = x.shape[-1]
        for layer in range(self.layers):
            x, _ = LSTM(
                width,
                bidirectional=True,
                **torch_recurrent(width),
                dtype=self.dtype,
                name=f"lstm_{layer}",
            )(x)
        return nn.Dense(width, **torch(2 * width), dtype=self.dtype, name="projection")(x)


class Demucs(nn.Module):
    """Demucs, mixture [B T C] -> sources [B T' S C], T' the centre of T.

    The fields are v1's; v2 is width=64, resample=True, and width=48 its smaller one. Ablations of
    the papers: lstm_layers=0, glu=False, rewrite=False, context=1, rescale=0, depth=7; upsample of
    v1 alone (Wave-U-Net's decimation and interpolation), resample of v2 alone. Of 44.1 kHz.
    """

    sources: int = 4
    channels: int = 2
    width: int = 100  # channels of the first level
    depth: int = 6
    kernel_size: int = 8
    stride: int = 4
    growth: float = 2.0
    lstm_layers: int = 2
    context: int = 3  # kernel of the decoder's rewrite
    glu: bool = True
    rewrite: bool = True
    upsample: bool = False
    resample: bool = False  # twice the rate inside
    normalise: bool = False  # by mean and deviation of each example's mono mixture
    rescale: float = 0.1
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> float | None:
        """Samples of the mixture of which one is made; not worked out for `upsample`."""
        if self.lstm_layers or self.normalise:
            return math.inf
        if self.upsample:
            return None
        taps, stride = self.kernel_size, self.stride
        gate = [Step(self.context)] if self.rewrite else []
        down, up = [Step(taps, stride)], [*gate, Step(taps, stride, up=True)]
        steps = down * self.depth + up * self.depth
        if self.resample:
            length = len(hann_sinc_filter(2, 1))
            twice = Step(length, 2, length // 2)
            steps = [twice._replace(up=True), *steps, twice]
        return total_receptive_field(steps, stride**self.depth)

    @property
    def length_step(self) -> int:
        """By whole multiples of which the lengths of inputs differ."""
        return self.stride**self.depth

    def input_length(self, wanted: int) -> int:
        """Input T that the papers take for `wanted` samples of output; the output is no shorter."""
        kernel, stride, rate = self.kernel_size, self.stride, 1 + self.resample
        length = wanted * rate
        for _ in range(self.depth):
            if self.upsample:
                length = -(-length // stride) + kernel - 1
            else:
                length = max(1, -(-(length - kernel) // stride) + 1)
            length += self.context - 1
        return -(-self._widened(length) // rate)

    def output_length(self, length: int) -> int:
        """Samples T' of output for an input of T, which must be of a length that fits."""
        kernel, stride, rate = self.kernel_size, self.stride, 1 + self.resample
        frames = self._frames(length)
        if not self.upsample and -(-self._widened(frames) // rate) != length:
            near = [-(-self._widened(max(frames, 1) + more) // rate) for more in (0, 1)]
            raise BadInput(f"Demucs takes {near[0]:,} or {near[1]:,} samples, not {length:,}")
        lost = self.context - 1 if self.rewrite else 0
        for _ in range(self.depth):
            if self.upsample:
                frames = (frames - 1) * stride - lost - kernel + 1
            else:
                frames = (frames - lost - 1) * stride + kernel
            if frames < 1 + lost:
                raise BadInput(f"{length:,} samples are too few: give {self.input_length(1):,}")
        return -(-frames // rate)

    def _frames(self, length: int) -> int:
        """Frames at the bottom for an input of `length`, as the strided convolutions count."""
        length *= 1 + self.resample
        for _ in range(self.depth):
            if self.upsample:
                length = -(-(length - self.kernel_size + 1) // self.stride)
            else:
                length = (length - self.kernel_size) // self.stride + 1
        return length

    def _widened(self, frames: int) -> int:
        """Samples, at the inner rate, of which the encoder makes so many frames."""
        for _ in range(self.depth):
            if self.upsample:
                frames = frames * self.stride + self.kernel_size - 1
            else:
                frames = (frames - 1) * self.stride + self.kernel_size
        return frames

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.ndim != 3 or x.shape[-1] != self.channels:
            raise BadInput(f"Demucs takes [B T {self.channels}], not {x.shape}")
        length = self.output_length(x.shape[1])
        if self.normalise:
            x, mean, deviation = _standard(x)
        mixture = x = resample_hann(x, 2, 1) if self.resample else x
        widths = [int(self.width * self.growth**level) for level in range(self.depth)]
        skips = []
        for level, width in enumerate(widths):
            x = self._encode(x, level, width)
            skips.append(x)
            x = x[:, :: self.stride] if self.upsample else x
        if self.lstm_layers:
            x = BiLSTM(self.lstm_layers, self.dtype, name="lstm")(x)
        outputs = [self.width if self.upsample else self.sources * self.channels, *widths]
        for level in reversed(range(self.depth)):
            x = upsample_linear(x, self.stride) if self.upsample else x
            x = self._decode(x + crop(skips[level], x.shape[1]), level, outputs[level])
        if self.upsample:
            x = jnp.concatenate([x, crop(mixture, x.shape[1])], -1)
            x = self._conv(x, self.sources * self.channels, 1, "output")
        x = resample_hann(x, 1, 2) if self.resample else x
        x = x.reshape(x.shape[0], length, self.sources, self.channels)
        return x * deviation[:, None] + mean[:, None] if self.normalise else x

    def _encode(self, x: jax.Array, level: int, width: int) -> jax.Array:
        stride = 1 if self.upsample else self.stride
        x = nn.relu(self._conv(x, width, self.kernel_size, f"down_{level + 1}", stride))
        self.sow("intermediates", f"down_{level + 1}", x)
        if not self.rewrite:
            return x
        return Gate(1, self.glu, self.rescale, self.dtype, name=f"down_gate_{level + 1}")(x)

    def _decode(self, x: jax.Array, level: int, width: int) -> jax.Array:
        if self.rewrite:
            name = f"up_gate_{level + 1}"
            x = Gate(self.context, self.glu, self.rescale, self.dtype, name=name)(x)
        name = f"up_{level + 1}"
        if self.upsample:
            x = self._conv(x, width, self.kernel_size, name)
        else:
            x = TransposedConv(
                width,
                self.kernel_size,
                self.stride,
                # The rounding of bfloat16 is a hiss.
                dtype=self.dtype if level else jnp.float32,
                precision=None if level else HIGHEST,
                name=name,
                # PyTorch counts the outputs of a transposed convolution as its fan.
                **rescaled(width * self.kernel_size, self.rescale),
            )(x)
        return nn.relu(x) if level else x

    def _conv(self, x: jax.Array, width: int, taps: int, name: str, stride: int = 1) -> jax.Array:
        return Conv(
            width,
            taps,
            stride,
            padding="valid",
            dtype=jnp.float32 if name == "output" else self.dtype,
            precision=HIGHEST if name == "output" else None,
            name=name,
            **rescaled(x.shape[-1] * taps, self.rescale),
        )(x)


def _standard(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """[B T C] less its mono mean, over its mono deviation; and these two, each [B 1 1]."""
    mono = x.mean(-1, keepdims=True)
    mean = mono.mean(1, keepdims=True)
    deviation = mono.std(1, keepdims=True, ddof=1)
    return (x - mean) / (1e-5 + deviation), mean, deviation
