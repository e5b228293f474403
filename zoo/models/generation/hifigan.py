"""HiFi-GAN: mel spectrograms to waveforms, with multi-period and multi-scale discriminators.

Jungil Kong, Jaehyeon Kim, Jaekyoung Bae: "HiFi-GAN: Generative Adversarial Networks for Efficient
and High Fidelity Speech Synthesis", NeurIPS 2020, section 2 and appendix A; details from the
authors' published code. 22,050 Hz, 80 mel bins, hop 256. The defaults are version V1; V2 is
width=128; V3 is V3 below.

Deviations and guesses:
- Weights start as PyTorch's do: the authors' N(0, 0.01) is overwritten by their weight norm.
- The vectors of the spectral norm take one power step for each step of the discriminator; the
  authors' take one for each of its four calls.
"""

from __future__ import annotations

import math
from functools import reduce
from itertools import chain
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv, TransposedConv
from zoo.layers.initializers import fan_uniform
from zoo.layers.pool import avg_pool
from zoo.layers.receptive_field import Step, input_interval, same_padded, total_receptive_field
from zoo.layers.source_merge import SourceMerge
from zoo.layers.spectral_norm import SpectralNorm
from zoo.signal.excitation import CHANGE, refine_draft
from zoo.signal.precision import HIGHEST

_SLOPE = 0.1  # of the leaky ReLUs, but for the generator's last
V3: dict[str, Any] = dict(
    width=256,
    upsampling=(8, 8, 4),
    taps=(16, 16, 8),
    kernels=(3, 5, 7),
    dilations=((1, 2), (2, 6), (3, 12)),
    double=False,
)


def _conv(
    x: jax.Array,
    features: int,
    taps: int,
    name: str,
    *,
    norm: str = "weight",
    dtype: Any,
    update: bool = False,
    smaller: float = 1.0,
    **how: Any,
) -> jax.Array:
    """Convolution of [B T C] with half a filter of zeros at both ends -> [B T' features].

    norm: 'weight', 'spectral' (whose vectors move where `update`) or 'none'. smaller: by which the
    first weights are divided.
    """
    start = fan_uniform(smaller**2 * (taps * x.shape[-1] // how.get("groups", 1)))
    padding = (taps - 1) * how.get("dilation", 1) // 2
    layer = Conv(
        features,
        taps,
        padding=padding,
        weight_norm=norm == "weight",
        kernel_init=start,
        bias_init=start,
        dtype=dtype,
        name=name,
        **how,
    )
    if norm == "spectral":
        return SpectralNorm(layer, name=f"{name}_norm")(x, update=update)
    return layer(x)


class Residual(nn.Module):
    """Pairs of convolutions, the first of each dilated, around a shortcut, [B T C] -> [B T C].

    double=False leaves out the second of each pair (V3).
    """

    taps: int
    dilations: tuple[int, ...]
    double: bool = True
    norm: str = "weight"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        how = dict(features=x.shape[-1], taps=self.taps, norm=self.norm, dtype=self.dtype)
        for i, dilation in enumerate(self.dilations, 1):
            y = nn.leaky_relu(x, _SLOPE)
            y = _conv(y, name=f"dilated_{i}", dilation=dilation, **how)
            if self.double:
                y = _conv(nn.leaky_relu(y, _SLOPE), name=f"plain_{i}", **how)
            x = x + y
        return x


class Generator(nn.Module):
    """Log mel spectrogram [B F M] -> audio [B hop F 1] within [-1, 1].

    Given an excitation [B hop F C] (`zoo.signal.excitation`), it is merged to one channel, and a
    strided convolution of that is added behind every upsampling, as neural source-filter models
    have it; else there are no such layers. residual: what comes out is the excitation, a draft, and
    a change of it, which begins small.
    """

    bins: int = 80
    width: int = 512
    upsampling: tuple[int, ...] = (8, 8, 2, 2)
    taps: tuple[int, ...] = (16, 16, 4, 4)  # of the transposed convolutions
    kernels: tuple[int, ...] = (3, 7, 11)  # of the residual blocks whose mean is taken
    dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5),) * 3
    double: bool = True
    norm: str = "weight"
    residual: bool = False
    dtype: Any = jnp.float32

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return math.prod(self.upsampling)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The layers between frames and samples; of parallel blocks the widest."""
        blocks = [
            [same_padded(taps, d) for dilation in ds for d in (dilation, 1)[: 1 + self.double]]
            for taps, ds in zip(self.kernels, self.dilations)
        ]
        widest = max(blocks, key=total_receptive_field)
        stages = [
            [Step(taps, f, (taps - f) // 2, up=True), *widest]
            for f, taps in zip(self.upsampling, self.taps)
        ]
        return (same_padded(7), *chain(*stages), same_padded(7))

    @property
    def reach(self) -> int:
        """Frames on either side that a frame's samples depend on."""
        first, last = input_interval(self.steps, 0, self.hop - 1)
        return max(-first, last)

    @nn.compact
    def __call__(
        self, mel: jax.Array, excitation: jax.Array | None = None, *, train: bool = False
    ) -> jax.Array:
        if mel.ndim != 3 or mel.shape[-1] != self.bins:
            raise BadInput(f"this generator takes mel frames [B F {self.bins}], not {mel.shape}")
        how = dict(norm=self.norm, dtype=self.dtype)
        x = _conv(mel, self.width, 7, "first", **how)
        if excitation is not None:
            excitation = SourceMerge(name="merge")(excitation)
        for i, (factor, taps) in enumerate(zip(self.upsampling, self.taps), 1):
            width = self.width // 2**i
            start = fan_uniform(taps * width)
            x = TransposedConv(
                width,
                taps,
                factor,
                padding=(taps - factor) // 2,
                kernel_init=start,
                bias_init=start,
                weight_norm=self.norm == "weight",
                dtype=self.dtype,
                name=f"up_{i}",
            )(nn.leaky_relu(x, _SLOPE))
            if excitation is not None:
                rest = math.prod(self.upsampling[i:])
                span = 2 * rest if rest > 1 else 1
                x += _conv(excitation, width, span, f"excite_{i}", stride=rest, **how)
            blocks = [
                Residual(kernel, dilations, self.double, **how, name=f"residual_{i}_{j}")(x)
                for j, (kernel, dilations) in enumerate(zip(self.kernels, self.dilations), 1)
            ]
            x = reduce(jnp.add, blocks) / len(blocks)
        how |= dict(dtype=jnp.float32, precision=HIGHEST)  # the rounding of bfloat16 is a hiss
        smaller = CHANGE if self.residual else 1.0
        x = _conv(nn.leaky_relu(x, 0.01), 1, 7, "last", smaller=smaller, **how)
        return (
            jnp.tanh(x) if excitation is None or not self.residual else refine_draft(x, excitation)
        )


class Period(nn.Module):
    """Every p-th sample by itself, audio [B T 1] -> (score [B p T' 1], six features)."""

    period: int
    widths: tuple[int, ...] = (32, 128, 512, 1024, 1024)
    norm: str = "weight"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        batch, p = len(x), self.period
        x = jnp.pad(x, ((0, 0), (0, -x.shape[1] % p), (0, 0)), mode="reflect")
        x = x.reshape(batch, -1, p).transpose(0, 2, 1).reshape(batch * p, -1, 1)
        how = dict(norm=self.norm, dtype=self.dtype)
        features = []
        for i, width in enumerate(self.widths, 1):
            stride = 3 if i < len(self.widths) else 1
            x = nn.leaky_relu(_conv(x, width, 5, f"down_{i}", stride=stride, **how), _SLOPE)
            features.append(x)
        features.append(_conv(x, 1, 3, "score", **how))
        apart = tuple(f.reshape(batch, p, *f.shape[1:]) for f in features)
        return apart[-1].astype(jnp.float32), apart


class Scale(nn.Module):
    """Long grouped convolutions, audio [B T 1] -> (score [B T' 1], eight features)."""

    widths: tuple[int, ...] = (128, 128, 256, 512, 1024, 1024, 1024)
    norm: str = "weight"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool = False
    ) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        how = dict(norm=self.norm, dtype=self.dtype, update=train)
        taps, strides = (15, 41, 41, 41, 41, 41, 5), (1, 2, 2, 4, 4, 1, 1)
        groups = (1, 4, 16, 16, 16, 16, 1)
        features = []
        for i, sizes in enumerate(zip(self.widths, taps, strides, groups), 1):
            width, length, stride, group = sizes
            x = _conv(x, width, length, f"down_{i}", stride=stride, groups=group, **how)
            x = nn.leaky_relu(x, _SLOPE)
            features.append(x)
        features.append(_conv(x, 1, 3, "score", **how))
        return features[-1].astype(jnp.float32), tuple(features)


class Discriminator(nn.Module):
    """Audio [B T 1] -> a (score [B ...], features) for each of five periods and three scales.

    narrower: divides the paper's widths. The first scale is under spectral norm, whose vectors
    move with train=True.
    """

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    scales: int = 3
    narrower: int = 1
    norms: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> tuple[tuple[jax.Array, Any], ...]:
        norm = "weight" if self.norms else "none"
        answers = []
        for period in self.periods:
            widths = tuple(max(w // self.narrower, 1) for w in Period.widths)
            name = f"period_{period}"
            answers.append(Period(period, widths, norm, self.dtype, name=name)(x))
        for i in range(self.scales):
            widths = tuple(max(w // self.narrower, 16) for w in Scale.widths)
            own = "spectral" if self.norms and not i else norm
            x = avg_pool(x, 4, 2, (2, 2)) if i else x
            scale = Scale(widths, own, self.dtype, name=f"scale_{i + 1}")
            answers.append(scale(x, train=train))
        return tuple(answers)
