"""Two-dimensional convolutions [B F N C] -> [B F' N' C'] of spectrograms, fast to differentiate.

As in `zoo.layers.conv`, but a strided convolution stays one (CPUs run it well in two dimensions),
unless its output is smaller than its kernel: then it is a matrix product of patches. One from a
channel to one or two (Spleeter's last, 77 ms of 330 on a CPU) is a sum of taps. A transposed
convolution is a dense one to four times the channels (sub-pixel): its plain form is eight times
slower in the backward pass. Gradients have forms of their own on CPUs: the kernel's `_by_columns`
or, over many positions, `_by_chunks`; the input's, where there are strides, `_by_phases`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from itertools import product
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

Pads = tuple[int, int]  # (before, after), the same for both axes
Stride = int | tuple[int, int]  # (frames, bins), or the same for both
_Precision = jax.lax.Precision | None
_FEW = 2  # channels in times channels out, of which CPUs sum taps 40 times as fast as they convolve
_CHUNK = 512  # positions, bins of frames of all examples, in a chunk of a kernel's gradient
_WIDE = 128  # channels in and out, with which such chunks were found to be faster


def convolve_2d(
    x: jax.Array,
    kernel: jax.Array,
    *,
    stride: Stride = 1,
    dilation: int = 1,
    pads: Pads = (0, 0),
    precision: _Precision = None,
) -> jax.Array:
    """Correlates [B F N C] with [k l C C'] -> [B F' N' C'], zeros of `pads` around both axes."""
    stride = (stride, stride) if isinstance(stride, int) else stride
    spans = [(size - 1) * dilation + 1 for size in kernel.shape[:2]]
    lengths = [size + sum(pads) for size in x.shape[1:3]]
    out = [(length - span) // s + 1 for length, span, s in zip(lengths, spans, stride)]
    few = out[0] < kernel.shape[0] or out[1] < kernel.shape[1]
    if dilation == 1 and not few and kernel.shape[2] * kernel.shape[3] > _FEW:
        return _dense(x, kernel, stride, pads, precision)
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


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _dense(
    x: jax.Array, kernel: jax.Array, stride: tuple[int, int], pads: Pads, precision: _Precision
) -> jax.Array:
    return _plain(stride, pads, precision, x, kernel)


def _plain(
    stride: tuple[int, int], pads: Pads, precision: _Precision, x: jax.Array, kernel: jax.Array
) -> jax.Array:
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x, kernel, stride, (pads, pads), dimension_numbers=layout, precision=precision
    )


def _dense_forward(x, kernel, stride, pads, precision):
    return _plain(stride, pads, precision, x, kernel), (x, kernel)


def _dense_backward(stride, pads, precision, saved, g):
    x, kernel = saved
    plain = partial(_plain, stride, pads, precision)

    def of_input(kernel: jax.Array, g: jax.Array) -> jax.Array:
        return jax.linear_transpose(lambda x: plain(x, kernel), x)(g)[0]

    def of_kernel(x: jax.Array, g: jax.Array) -> jax.Array:
        return jax.linear_transpose(lambda kernel: plain(x, kernel), kernel)(g)[0]

    def phases(kernel: jax.Array, g: jax.Array) -> jax.Array:
        sums = partial(_by_phases, stride, pads, precision, g.shape[1:3])
        return jax.linear_transpose(lambda x: sums(x, kernel), x)(g)[0]

    chunks = partial(_by_chunks, stride, pads, precision, kernel.shape[:2])
    columns = partial(_by_columns, pads, precision, kernel.shape[:2])
    if _is_long(stride, x, g):
        dk = jax.lax.platform_dependent(x, g, cpu=chunks, default=of_kernel)
    elif stride == (1, 1):
        dk = jax.lax.platform_dependent(x, g, cpu=columns, default=of_kernel)
    else:
        dk = of_kernel(x, g)
    if stride == (1, 1):
        return of_input(kernel, g), dk
    return jax.lax.platform_dependent(kernel, g, cpu=phases, default=of_input), dk


_dense.defvjp(_dense_forward, _dense_backward)


def _by_phases(
    stride: tuple[int, int],
    pads: Pads,
    precision: _Precision,
    out: tuple[int, ...],
    x: jax.Array,
    kernel: jax.Array,
) -> jax.Array:
    """A strided convolution as a sum of dense ones, of each phase of its input with its taps.

    For the gradient of the input, which is else a convolution of outputs with zeros between them:
    CPUs take up to three times as long for that.
    """
    x = jnp.pad(x, ((0, 0), pads, pads, (0, 0)))

    def phase(i: int, j: int) -> jax.Array:
        taps = kernel[i :: stride[0], j :: stride[1]]
        rows, columns = (n + k - 1 for n, k in zip(out, taps.shape[:2]))
        part = x[:, i :: stride[0], j :: stride[1]][:, :rows, :columns]
        return _plain((1, 1), (0, 0), precision, part, taps)

    firsts = (range(min(s, k)) for s, k in zip(stride, kernel.shape[:2]))
    return reduce(jnp.add, (phase(i, j) for i, j in product(*firsts)))


def _by_columns(
    pads: Pads, precision: _Precision, taps: tuple[int, int], x: jax.Array, g: jax.Array
) -> jax.Array:
    """The kernel's gradient [k l C C'] of x [B F N C] and the output's gradient g [B F' N' C'].

    As many convolutions along the frames as the kernel has columns, over B N' channels. JAX's own
    is one along both axes over B channels, of which CPUs need 16 or more to come to their speed:
    they take three times as long for the batches that taggers learn from.
    """
    batch, frames, bins, features = g.shape
    x = jnp.pad(x.transpose(3, 1, 2, 0), ((0, 0), pads, pads, (0, 0)))
    g = g.transpose(1, 2, 0, 3).reshape(frames, bins * batch, features)

    def column(j: int) -> jax.Array:
        part = x[:, :, j : j + bins].reshape(*x.shape[:2], bins * batch)
        layout = ("NWC", "WIO", "NWC")
        return jax.lax.conv_general_dilated(
            part, g, (1,), "VALID", dimension_numbers=layout, precision=precision
        )

    return jnp.stack([column(j) for j in range(taps[1])], 2).transpose(1, 2, 0, 3)


def _is_long(stride: tuple[int, int], x: jax.Array, g: jax.Array) -> bool:
    """Whether the kernel's gradient is faster by chunks: many positions, and channels enough.

    JAX's own form of a strided one is as fast from four examples on.
    """
    batch, frames, bins, features = g.shape
    long = batch * frames * bins >= 8 * _CHUNK and min(x.shape[3], features) >= _WIDE
    return long and (stride == (1, 1) or batch < 4)


def _by_chunks(
    stride: tuple[int, int],
    pads: Pads,
    precision: _Precision,
    taps: tuple[int, int],
    x: jax.Array,
    g: jax.Array,
) -> jax.Array:
    """The kernel's gradient of many frames, as a sum over chunks of them that stay in cache.

    In a chunk, as many convolutions along the frames as the kernel has columns and the stride
    rows: of g, its channels as the batch, with the rows of x that those taps see as the kernel. A
    loop also keeps XLA from computing again what came before, element by element, as it transposes.
    """
    batch, frames, bins, features = g.shape
    reach = -(-taps[0] // stride[0]) - 1  # frames of g before a row of x that saw it
    length = max(1, _CHUNK // (batch * bins))
    count = -(-(frames + reach) // length)
    seen = (frames - 1) * stride[0] + taps[0]
    x = jnp.pad(x, ((0, 0), pads, pads, (0, 0)))[:, :seen]
    x = jnp.pad(x, ((0, 0), (0, count * length * stride[0] - seen), (0, 0), (0, 0)))
    g = jnp.pad(g, ((0, 0), (reach, count * length - frames), (0, 0), (0, 0)))

    def column(rows: jax.Array, outputs: jax.Array, i: int, j: int) -> jax.Array:
        part = rows[:, i :: stride[0], j : j + (bins - 1) * stride[1] + 1 : stride[1]]
        part = part.transpose(1, 2, 0, 3).reshape(length, bins * batch, -1)
        outputs = outputs[:, reach - (taps[0] - 1 - i) // stride[0] :]
        layout = ("NWC", "WIO", "NWC")
        return jax.lax.conv_general_dilated(
            outputs, part, (1,), "VALID", dimension_numbers=layout, precision=precision
        )[:, ::-1]

    firsts = list(product(range(min(stride[0], taps[0])), range(taps[1])))

    def add(sums: list[jax.Array], start: jax.Array) -> tuple[list[jax.Array], None]:
        rows = jax.lax.dynamic_slice_in_dim(x, start * stride[0], length * stride[0], 1)
        outputs = jax.lax.dynamic_slice_in_dim(g, start, length + reach, 1)
        outputs = outputs.transpose(3, 1, 2, 0).reshape(features, length + reach, bins * batch)
        return [s + column(rows, outputs, *first) for s, first in zip(sums, firsts)], None

    shapes = [(features, -(-(taps[0] - i) // stride[0]), x.shape[3]) for i, _ in firsts]
    starts = length * jnp.arange(count)
    sums, _ = jax.lax.scan(add, [jnp.zeros(s) for s in shapes], starts)  # float32
    kernel = jnp.zeros((*taps, x.shape[3], features))
    for (i, j), part in zip(firsts, sums):
        kernel = kernel.at[i :: stride[0], j].set(part.transpose(1, 2, 0))
    return kernel.astype(g.dtype)


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
    precision: _Precision,
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
    x: jax.Array, kernel: jax.Array, *, stride: int, crop: Pads, precision: _Precision = None
) -> jax.Array:
    """Transposed convolution [B F N C] with a square kernel [k k C C'] -> [B F' N' C'].

    y[i s + j - before] += x[i] w[j] along both axes, F' = (F - 1) s + k - before - after; torch's
    ConvTranspose2d weight [C C' k k] becomes ours by `transpose(2, 3, 0, 1)`.
    """
    taps, width, features = kernel.shape[1:]
    phases = -(-taps // stride)
    spare = phases * stride - taps
    kernel = jnp.pad(kernel, ((0, spare), (0, spare), (0, 0), (0, 0)))
    kernel = kernel.reshape(phases, stride, phases, stride, width, features)[::-1, :, ::-1]
    kernel = kernel.transpose(0, 2, 4, 1, 3, 5).reshape(phases, phases, width, -1)
    y = convolve_2d(x, kernel, pads=(phases - 1, phases - 1), precision=precision)
    batch, *blocks = y.shape[:3]
    y = y.reshape(batch, *blocks, stride, stride, features).transpose(0, 1, 3, 2, 4, 5)
    y = y.reshape(batch, blocks[0] * stride, blocks[1] * stride, features)
    ends = [(size - 1) * stride + taps - crop[1] for size in x.shape[1:3]]
    return y[:, crop[0] : ends[0], crop[0] : ends[1]]


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
    precision: _Precision = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, shape[-1:])
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = transposed_2d(x, kernel, stride=self.stride, crop=self.crop, precision=self.precision)
        return y + bias
