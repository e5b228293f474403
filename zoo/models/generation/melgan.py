"""MelGAN: mel spectrograms to waveforms in one pass, with discriminators at three sample rates.

Kundan Kumar, Rithesh Kumar, Thibault de Boissiere et al.: "MelGAN: Generative Adversarial Networks
for Conditional Waveform Synthesis", NeurIPS 2019, figure 1 and the tables of its appendix; details
from the authors' published code. 22,050 Hz, 80 mel bins, hop 256.

`MultiBandGenerator` is multi-band MelGAN: Geng Yang, Shan Yang, Kai Liu et al.: "Multi-band MelGAN:
Faster Waveform Generation for High-Quality Text-to-Speech", SLT 2021, as its public port has it
(width 384, three stages of four residual blocks, four bands of `zoo.signal.pqmf`).

Deviations and guesses:
- Weights start as PyTorch's do: the authors' N(0, 0.02) is overwritten by their weight norm.
- `mean` and `std` standardise the input; published weights of a well-known port need them.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv, TransposedConv
from zoo.layers.initializers import fan_uniform
from zoo.layers.pool import avg_pool
from zoo.layers.receptive_field import Step, input_interval, same_padded
from zoo.layers.source_merge import SourceMerge
from zoo.signal import pqmf
from zoo.signal.excitation import CHANGE, refine_draft
from zoo.signal.precision import HIGHEST

_Features = tuple[jax.Array, ...]
_SLOPE = 0.2  # of every leaky ReLU


def _reflect(x: jax.Array, reach: int) -> jax.Array:
    """Mirrors `reach` samples at both ends, [B T C] -> [B T+2r C]."""
    if x.shape[1] <= reach:
        raise BadInput(f"{x.shape[1]} samples cannot be reflected by {reach}: use a longer input")
    return jnp.pad(x, ((0, 0), (reach, reach), (0, 0)), mode="reflect")


def _conv(module: nn.Module, x: jax.Array, features: int, taps: int, name: str, **how: Any):
    """A convolution without padding of [B T C], initialised as torch does -> [B T' features].

    smaller: by which the first weights are divided.
    """
    start = fan_uniform(how.pop("smaller", 1.0) ** 2 * (taps * x.shape[-1] // how.get("groups", 1)))
    layer = Conv(
        features,
        taps,
        padding=how.pop("padding", "valid"),
        weight_norm=module.weight_norm,
        kernel_init=start,
        bias_init=start,
        name=name,
        **{"dtype": module.dtype, **how},
    )
    return layer(x)


class Residual(nn.Module):
    """Dilated convolution of three taps, a 1 x 1, and a 1 x 1 shortcut, [B T C] -> [B T C]."""

    dilation: int
    weight_norm: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width = x.shape[-1]
        y = _reflect(nn.leaky_relu(x, _SLOPE), self.dilation)
        y = _conv(self, y, width, 3, "dilated", dilation=self.dilation)
        y = _conv(self, nn.leaky_relu(y, _SLOPE), width, 1, "mix")
        return _conv(self, x, width, 1, "shortcut") + y


class Generator(nn.Module):
    """Log mel spectrogram [B F M] -> audio [B hop F features] within [-1, 1].

    Given an excitation [B hop F C] (`zoo.signal.excitation`), it is merged to one channel, and a
    strided convolution of that is added behind every upsampling; else there are no such layers.
    features: channels of the output, the bands of multi-band MelGAN. padding: whose transposed
    convolutions of odd strides, 'torch' or 'tensorflow', which cuts one sample less off the front.
    residual: what comes out is the excitation, a draft, and a change of it, which begins small.
    """

    bins: int = 80
    width: int = 512
    upsampling: tuple[int, ...] = (8, 8, 2, 2)
    dilations: tuple[int, ...] = (1, 3, 9)
    mean: float = 0.0  # the input is standardised: (x - mean) / std
    std: float = 1.0
    features: int = 1
    padding: str = "torch"
    weight_norm: bool = True
    dtype: Any = jnp.float32
    residual: bool = False

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return math.prod(self.upsampling)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The layers between frames and samples."""
        stages = [
            [
                Step(2 * f, f, f // 2 + self._odd(f), up=True),
                *(same_padded(3, d) for d in self.dilations),
            ]
            for f in self.upsampling
        ]
        return (same_padded(7), *chain(*stages), same_padded(7))

    @property
    def reach(self) -> int:
        """Frames on either side that a frame's samples depend on."""
        first, last = input_interval(self.steps, 0, self.hop - 1)
        return max(-first, last)

    def _odd(self, factor: int) -> int:
        """The sample that torch cuts off the front, and adds behind, at odd strides."""
        return factor % 2 if self.padding == "torch" else 0

    @nn.compact
    def __call__(
        self, mel: jax.Array, excitation: jax.Array | None = None, *, train: bool = False
    ) -> jax.Array:
        if mel.ndim != 3 or mel.shape[-1] != self.bins:
            raise BadInput(f"this generator takes mel frames [B F {self.bins}], not {mel.shape}")
        x = (mel - self.mean) / self.std
        x = _conv(self, _reflect(x, 3), self.width, 7, "first")
        if excitation is not None:
            excitation = SourceMerge(name="merge")(excitation)
        for i, factor in enumerate(self.upsampling):
            width = self.width // 2 ** (i + 1)
            start = fan_uniform(2 * factor * width)
            odd = self._odd(factor)
            padding, more = (factor // 2 + odd, odd) if self.padding == "torch" else ("same", 0)
            x = TransposedConv(
                width,
                2 * factor,
                factor,
                padding=padding,
                output_padding=more,
                weight_norm=self.weight_norm,
                kernel_init=start,
                bias_init=start,
                dtype=self.dtype,
                name=f"up_{i + 1}",
            )(nn.leaky_relu(x, _SLOPE))
            if excitation is not None:
                rest = math.prod(self.upsampling[i + 1 :])
                span = 2 * rest if rest > 1 else 1
                name, pad = f"excite_{i + 1}", (span - 1) // 2
                x += _conv(self, excitation, width, span, name, stride=rest, padding=pad)
            for j, dilation in enumerate(self.dilations):
                how = dict(weight_norm=self.weight_norm, dtype=self.dtype)
                x = Residual(dilation, **how, name=f"residual_{i + 1}_{j + 1}")(x)
        x = _reflect(nn.leaky_relu(x, _SLOPE), 3)
        # In float32: the rounding of bfloat16 is a hiss.
        smaller = CHANGE if self.residual else 1.0
        how = dict(dtype=jnp.float32, precision=HIGHEST, smaller=smaller)
        x = _conv(self, x, self.features, 7, "last", **how)
        return (
            jnp.tanh(x) if excitation is None or not self.residual else refine_draft(x, excitation)
        )


class MultiBandGenerator(nn.Module):
    """Log mel spectrogram [B F M] -> audio [B hop F 1], out of bands that a small MelGAN makes.

    Multi-band MelGAN: `bands` gives [B hop F/K K], low to high, each within [-1, 1].
    """

    bins: int = 80
    width: int = 384
    upsampling: tuple[int, ...] = (8, 4, 2)
    dilations: tuple[int, ...] = (1, 3, 9, 27)
    count: int = 4
    mean: float = 0.0
    std: float = 1.0
    padding: str = "torch"
    weight_norm: bool = True
    dtype: Any = jnp.float32

    def setup(self) -> None:
        self.net = Generator(
            self.bins,
            self.width,
            self.upsampling,
            self.dilations,
            self.mean,
            self.std,
            self.count,
            self.padding,
            self.weight_norm,
            self.dtype,
        )

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.count * math.prod(self.upsampling)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The layers between frames and samples; the last is the synthesis of the bands."""
        sizes = self.bins, self.width, self.upsampling, self.dilations
        net = Generator(*sizes, padding=self.padding, parent=None)
        return (*net.steps, Step(pqmf.TAPS, self.count, pqmf.TAPS // 2, up=True))

    @property
    def reach(self) -> int:
        """Frames on either side that a frame's samples depend on."""
        first, last = input_interval(self.steps, 0, self.hop - 1)
        return max(-first, last)

    def __call__(self, mel: jax.Array, *, train: bool = False) -> jax.Array:
        return pqmf.synthesis(self.net(mel, train=train))

    def bands(self, mel: jax.Array, *, train: bool = False) -> jax.Array:
        """The bands [B hop F/K K] before they become audio [B hop F 1]."""
        return self.net(mel, train=train)


class Scale(nn.Module):
    """The discriminator of one rate, audio [B T 1] -> (score [B T' 1], features of six layers)."""

    width: int = 16
    most: int = 1024
    strides: tuple[int, ...] = (4, 4, 4, 4)
    weight_norm: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, _Features]:
        x = nn.leaky_relu(_conv(self, _reflect(x, 7), self.width, 15, "first"), _SLOPE)
        features = [x]
        for i, stride in enumerate(self.strides):
            groups = x.shape[-1] // 4
            width = min(x.shape[-1] * stride, self.most)
            how = dict(stride=stride, groups=groups, padding=5 * stride)
            x = nn.leaky_relu(
                _conv(self, x, width, 10 * stride + 1, f"down_{i + 1}", **how), _SLOPE
            )
            features.append(x)
        width = min(2 * x.shape[-1], self.most)
        x = nn.leaky_relu(_conv(self, x, width, 5, "mix", padding=2), _SLOPE)
        score = _conv(self, x, 1, 3, "score", padding=1)
        return score.astype(jnp.float32), (*features, x)


class Discriminator(nn.Module):
    """Audio [B T 1] -> a (score [B T' 1], features) of the full, the half and the quarter rate."""

    scales: int = 3
    width: int = 16
    most: int = 1024
    strides: tuple[int, ...] = (4, 4, 4, 4)
    weight_norm: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> tuple[tuple[jax.Array, Any], ...]:
        answers = []
        for i in range(self.scales):
            x = _halve(x) if i else x
            sizes = self.width, self.most, self.strides
            how = dict(weight_norm=self.weight_norm, dtype=self.dtype, name=f"scale_{i + 1}")
            answers.append(Scale(*sizes, **how)(x))
        return tuple(answers)


def _halve(x: jax.Array) -> jax.Array:
    """Mean of four samples, two apart, over what lies within, [B T C] -> [B T/2 C]."""
    inside = jnp.ones((1, x.shape[1], 1), x.dtype)
    return avg_pool(x, 4, 2, (1, 1)) / avg_pool(inside, 4, 2, (1, 1))
