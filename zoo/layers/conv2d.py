"""Two-dimensional convolutions [B F N C] -> [B F' N' C'] of spectrograms, fast to differentiate.

As in `zoo.layers.conv`, but a strided convolution stays one (CPUs run it well in two dimensions),
unless its output is smaller than its kernel: then it is a matrix product of patches. One from a
channel to one or two (Spleeter's last, 77 ms of 330 on a CPU) is a sum of taps, and one from two
channels at stride two a dense one from eight (`_space_to_depth`). A transposed convolution is a
dense one to four times the channels (`_sub_pixel`): its plain form is eight times slower in the
backward pass. To one channel CPUs take `scattered` sums, to many a convolution for
`_each_phase`, where a phase has fewer taps than another. Gradients: `conv2d_gradients`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

from zoo.layers.conv2d_gradients import (
    WIDE,
    Precision,
    convolve_dense,
    interleaved,
    join_phases,
    scattered,
)
from zoo.layers.winograd import Pads

Stride = int | tuple[int, int]  # (frames, bins), or the same for both
_FEW = 2  # channels in times channels out, of which CPUs sum taps 40 times as fast as they convolve


def convolve_2d(
    x: jax.Array,
    kernel: jax.Array,
    *,
    stride: Stride = 1,
    dilation: int = 1,
    pads: Pads = (0, 0),
    precision: Precision = None,
) -> jax.Array:
    """Correlates [B F N C] with [k l C C'] -> [B F' N' C'], zeros of `pads` around both axes."""
    stride = (stride, stride) if isinstance(stride, int) else stride
    spans = [(size - 1) * dilation + 1 for size in kernel.shape[:2]]
    lengths = [size + sum(pads) for size in x.shape[1:3]]
    out = [(length - span) // s + 1 for length, span, s in zip(lengths, spans, stride)]
    few = out[0] < kernel.shape[0] or out[1] < kernel.shape[1]
    if stride == (2, 2) and dilation == 1 and not few and kernel.shape[2] == 2:
        deep = partial(_space_to_depth, pads, precision, out)
        plain = partial(convolve_dense, stride=stride, pads=pads, precision=precision)
        return jax.lax.platform_dependent(x, kernel, cpu=deep, default=plain)
    if dilation == 1 and not few and kernel.shape[2] * kernel.shape[3] > _FEW:
        return convolve_dense(x, kernel, stride, pads, precision)
    x = jnp.pad(x, ((0, 0), pads, pads, (0, 0)))
    if kernel.shape[2] * kernel.shape[3] <= _FEW and stride == (1, 1):
        return _taps(x, kernel, dilation, out)
    if few:
        return _patches(x, kernel, stride, dilation, out, precision)
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        stride,
        "VALID",
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=precision,
    )


def _space_to_depth(
    pads: Pads, precision: Precision, out: list[int], x: jax.Array, kernel: jax.Array
) -> jax.Array:
    """A convolution at stride two as a dense one over blocks of two by two positions."""
    size = [-(-taps // 2) for taps in kernel.shape[:2]]
    width, features = kernel.shape[2:]
    spare = [(0, 2 * n - taps) for n, taps in zip(size, kernel.shape)]
    kernel = jnp.pad(kernel, (*spare, (0, 0), (0, 0)))
    kernel = kernel.reshape(size[0], 2, size[1], 2, width, features)
    kernel = kernel.transpose(0, 2, 1, 3, 4, 5).reshape(*size, 4 * width, features)
    rows, columns = (n + k - 1 for n, k in zip(out, size))
    x = jnp.pad(x, ((0, 0), *((pads[0], pads[1] + 1),) * 2, (0, 0)))[:, : 2 * rows, : 2 * columns]
    x = x.reshape(x.shape[0], rows, 2, columns, 2, width).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(x.shape[0], rows, columns, 4 * width)
    return convolve_dense(x, kernel, (1, 1), (0, 0), precision)


def _taps(x: jax.Array, kernel: jax.Array, dilation: int, out: list[int]) -> jax.Array:
    """A sum of shifted inputs, tap by tap and channel by channel, in float32."""
    rows, columns, width, features = kernel.shape
    exact = x.astype(jnp.float32)

    def shifted(i: int, j: int, channel: int) -> jax.Array:
        i, j = i * dilation, j * dilation
        return exact[:, i : i + out[0], j : j + out[1], channel]

    every = [(i, j, c) for i in range(rows) for j in range(columns) for c in range(width)]
    sums = [sum(shifted(*tap) * kernel[(*tap, o)] for tap in every) for o in range(features)]
    return jnp.stack(sums, -1).astype(x.dtype)


def _patches(
    x: jax.Array,
    kernel: jax.Array,
    stride: tuple[int, int],
    dilation: int,
    out: list[int],
    precision: Precision,
) -> jax.Array:
    rows, columns, width, features = kernel.shape
    reach = [(size - 1) * s + 1 for size, s in zip(out, stride)]

    def shifted(i: int, j: int) -> jax.Array:
        i, j = i * dilation, j * dilation
        return x[:, i : i + reach[0] : stride[0], j : j + reach[1] : stride[1]]

    patches = [shifted(i, j) for i in range(rows) for j in range(columns)]
    kernel = kernel.reshape(rows * columns * width, features)
    return jnp.matmul(jnp.concatenate(patches, -1), kernel, precision=precision)


def transposed_2d(
    x: jax.Array, kernel: jax.Array, *, stride: int, crop: Pads, precision: Precision = None
) -> jax.Array:
    """Transposed convolution [B F N C] with a square kernel [k k C C'] -> [B F' N' C'].

    y[i s + j - before] += x[i] w[j] along both axes, F' = (F - 1) s + k - before - after; torch's
    ConvTranspose2d weight [C C' k k] becomes ours by `transpose(2, 3, 0, 1)`.
    """
    taps, features = kernel.shape[0], kernel.shape[3]
    form = partial(_sub_pixel, stride, precision)
    on_cpus = form
    if features == 1:
        on_cpus = partial(scattered, (stride, stride), precision)
    elif taps > stride and taps % stride and features >= WIDE:
        on_cpus = partial(_each_phase, stride, precision)
    y = jax.lax.platform_dependent(x, kernel, cpu=on_cpus, default=form)
    ends = [(size - 1) * stride + taps - crop[1] for size in x.shape[1:3]]
    return y[:, crop[0] : ends[0], crop[0] : ends[1]]


def _sub_pixel(stride: int, precision: Precision, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A transposed convolution, uncropped, as a dense one that computes all phases of a pixel."""
    taps, width, features = kernel.shape[1:]
    phases = -(-taps // stride)
    spare = phases * stride - taps
    kernel = jnp.pad(kernel, ((0, spare), (0, spare), (0, 0), (0, 0)))
    kernel = kernel.reshape(phases, stride, phases, stride, width, features)[::-1, :, ::-1]
    kernel = kernel.transpose(0, 2, 4, 1, 3, 5).reshape(phases, phases, width, -1)
    y = convolve_2d(x, kernel, pads=(phases - 1, phases - 1), precision=precision)
    return interleaved(y.reshape(*y.shape[:3], stride, stride, features))


def _each_phase(stride: int, precision: Precision, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """As `_sub_pixel`, with a convolution for each phase: none of its taps are zeros."""
    most = -(-kernel.shape[0] // stride)
    x = jnp.pad(x, ((0, 0), (most - 1, most - 1), (most - 1, most - 1), (0, 0)))

    def phase(i: int, j: int) -> jax.Array:
        taps = kernel[i::stride, j::stride][::-1, ::-1]
        part = x[:, most - taps.shape[0] :, most - taps.shape[1] :]
        return convolve_2d(part, taps, precision=precision)

    return join_phases((stride, stride), phase)


class Conv2D(nn.Module):
    """Convolution [B F N C] -> [B F' N' features]; parameters 'kernel' [k k C features], 'bias'.

    Those of flax.linen.Conv; torch's Conv2d weight [O I k k] is `transpose(2, 3, 1, 0)`.
    """

    features: int
    kernel_size: int
    stride: Stride = 1
    dilation: int = 1
    pads: Pads = (0, 0)
    use_bias: bool = True
    kernel_init: Callable[..., Any] = nn.initializers.lecun_normal()
    bias_init: Callable[..., Any] = nn.initializers.zeros
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", self.bias_init, shape[-1:]) if self.use_bias else None
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = convolve_2d(x, kernel, stride=self.stride, dilation=self.dilation, pads=self.pads)
        return y if bias is None else y + bias


class TransposedConv2D(nn.Module):
    """Transposed convolution [B F N C] -> [B F' N' features]; 'kernel' [k k C features], 'bias'."""

    features: int
    kernel_size: int
    stride: int
    crop: Pads = (0, 0)
    kernel_init: Callable[..., Any] = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32
    precision: Precision = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, shape[-1:])
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = transposed_2d(x, kernel, stride=self.stride, crop=self.crop, precision=self.precision)
        return y + bias
