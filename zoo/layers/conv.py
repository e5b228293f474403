"""One-dimensional convolutions [B T C] -> [B T' C'], in lowerings that are fast to differentiate.

Compilers turn three things into slow loops when they differentiate a convolution: an output longer
than the input, a stride, and a transposed convolution. So `jnp.pad` comes before a convolution
without padding, strides are folded into channels, a transposed convolution is a dense one to
`stride` times the channels (sub-pixel), and a single tap is a matrix product. A long kernel between
few channels gives several outputs at once (`_blocked`). Same numbers, same parameters as
`flax.linen.Conv`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import export

from zoo.errors import BadInput
from zoo.layers.grouped_conv import fold_stride, grouped_convolve
from zoo.layers.norm import weight_norm

Padding = str | int | tuple[int, int]
_Precision = jax.lax.Precision | None
LONG = 32  # taps, from which on several outputs at once cost few products more


def _pad_amounts(padding: Padding, length: int, span: int, stride: int = 1) -> tuple[int, int]:
    """(left, right) zeros for an input of `length` samples under a kernel that spans `span`.

    'same' gives ceil(length / stride) outputs with the odd zero on the right (TensorFlow, Flax);
    'causal' pads the left only; 'valid' pads nothing; p or (l, r) are torch's explicit zeros.
    """
    if isinstance(padding, int):
        return padding, padding
    if isinstance(padding, tuple):
        return padding
    name = padding.lower()
    if name == "same":
        total = max((-(-length // stride) - 1) * stride + span - length, 0)
        return total // 2, total - total // 2
    if name == "causal":
        return span - 1, 0
    if name == "valid":
        return 0, 0
    raise BadInput(f"padding '{padding}' is unknown; use 'same', 'valid', 'causal', p or (l, r)")


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding: Padding = "same",
    groups: int = 1,
    precision: _Precision = None,
) -> jax.Array:
    """Correlates [B T C] with [k C/groups C'] -> [B T' C']; y[t] = sum_j x[t s + j d - l] w[j].

    precision: of the products, as in `jax.lax.dot`; grouped ones keep the default.
    """
    taps, width = kernel.shape[:2]
    if x.shape[-1] != width * groups:
        raise BadInput(f"input has {x.shape[-1]} channels; the kernel takes {width * groups}")
    span = (taps - 1) * dilation + 1
    left, right = _pad_amounts(padding, x.shape[1], span, stride)
    length = (x.shape[1] + left + right - span) // stride + 1
    if x.shape[1] + left + right < span:
        raise BadInput(f"input of {x.shape[1]} samples is too short; give {span - left - right}")
    if groups > 1:
        x = jnp.pad(x, ((0, 0), (left, right), (0, 0)))
        return grouped_convolve(x, kernel, stride=stride, dilation=dilation, groups=groups)
    if taps == stride == 1 and not left + right:
        if export.is_symbolic_dim(length):
            return jnp.matmul(x, kernel[0], precision=precision)
        # Flat: gradients of a batch of products are slow.
        y = jnp.matmul(x.reshape(-1, width), kernel[0], precision=precision)
        return y.reshape(*x.shape[:2], -1)
    # In an exported program numbers may be any, and are then many.
    rows, free = x.shape[0] * length, export.is_symbolic_dim(length)
    few = not export.is_symbolic_dim(rows) and rows <= kernel.shape[2]
    if stride == 1 and left + right < span and (free or length > 2 * taps) and not few:
        # Not longer than its input: as it is.
        return _dense(x, kernel, dilation, (left, right), precision=precision)
    x = jnp.pad(x, ((0, 0), (left, right), (0, 0)))
    if dilation == 1 or stride == 1:
        x, kernel = fold_stride(x, kernel, stride, length, groups=1)
    elif stride > 1:
        x = x[:, : (length - 1) * stride + span]
        return _dense(x, kernel, dilation, (0, 0), stride, precision)
    if dilation == 1 and not few and not free and LONG <= kernel.shape[0] >= length / 2:
        return _blocked(x, kernel, precision)
    if few or (not free and length <= 2 * kernel.shape[0]):
        return _patches(x, kernel, dilation, precision)
    return _dense(x, kernel, dilation, (0, 0), precision=precision)


def _dense(
    x: jax.Array,
    kernel: jax.Array,
    dilation: int,
    pads: tuple[int, int],
    stride: int = 1,
    precision: _Precision = None,
) -> jax.Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride,),
        [pads],
        rhs_dilation=(dilation,),
        dimension_numbers=("NWC", "WIO", "NWC"),
        precision=precision,
    )


def _patches(x: jax.Array, kernel: jax.Array, dilation: int, precision: _Precision) -> jax.Array:
    """Few outputs under a large kernel: one matrix product.

    XLA would swap the operands of such a convolution, and copy the kernel to differentiate it.
    """
    taps, width, features = kernel.shape
    length = x.shape[1] - (taps - 1) * dilation
    shifted = [x[:, j * dilation : j * dilation + length] for j in range(taps)]
    patches = jnp.concatenate(shifted, -1).reshape(-1, taps * width)
    y = jnp.matmul(patches, kernel.reshape(taps * width, features), precision=precision)
    return y.reshape(-1, length, features)


def _blocked(x: jax.Array, kernel: jax.Array, precision: _Precision) -> jax.Array:
    """Several outputs at once as channels, [B T C] with [k C C'] -> [B T' C'].

    Convolutions come to the speed of products from some 64 channels to 128 on. Over a signal folded
    by `together` they have so many times as many, for an eighth more products at most.
    """
    taps, width, features = kernel.shape
    batch, length = x.shape[0], x.shape[1] - taps + 1
    wanted = max(-(-64 // width), -(-128 // features))
    together = max(1, min(wanted, taps // 8, length))
    count, rows = -(-length // together), -(-(taps + together - 1) // together)
    folded = count + rows - 1
    x = jnp.pad(x, ((0, 0), (0, folded * together - x.shape[1]), (0, 0)))
    spare = rows * together - taps
    shifted = [jnp.pad(kernel, ((i, spare - i), (0, 0), (0, 0))) for i in range(together)]
    kernel = jnp.stack(shifted, 2).reshape(rows, together * width, together * features)
    # CPUs take fifty times as long where XLA makes the zeros around x a part of the convolution.
    x = jax.lax.optimization_barrier(x.reshape(batch, folded, together * width))
    y = _dense(x, kernel, 1, (0, 0), precision=precision)
    return y.reshape(batch, count * together, features)[:, :length]


def convolve_transposed(
    x: jax.Array,
    kernel: jax.Array,
    *,
    stride: int,
    padding: Padding = 0,
    output_padding: int = 0,
    precision: _Precision = None,
) -> jax.Array:
    """Transposed convolution [B T C] with [k C C'] -> [B T' C']; y[i s + j - p] += x[i] w[j].

    T' = (T - 1) s - l - r + k + output_padding, as torch's ConvTranspose1d, whose weight [C C' k]
    becomes ours by `transpose(2, 0, 1)`; Flax's ConvTranspose holds its taps reversed.
    'same' gives T' = T s (TensorFlow), 'valid' crops nothing.
    """
    taps, width, features = kernel.shape
    if x.shape[-1] != width:
        raise BadInput(f"input has {x.shape[-1]} channels; the kernel takes {width}")
    left, right = _crop_amounts(padding, taps, stride)
    length = (x.shape[1] - 1) * stride - left - right + taps + output_padding
    if length < 1:
        raise BadInput(f"padding {padding} crops all of {x.shape[1]} samples; give a longer input")
    phases = -(-taps // stride)
    first, last = left // stride, -(-(left + length) // stride)
    x = jnp.pad(x, ((0, 0), (phases - 1, max(last - x.shape[1], 0)), (0, 0)))
    x = x[:, first : last + phases - 1]
    kernel = jnp.pad(kernel, ((0, phases * stride - taps), (0, 0), (0, 0)))
    kernel = kernel.reshape(phases, stride, width, features)[::-1].transpose(0, 2, 1, 3)
    kernel = kernel.reshape(phases, width, stride * features)
    y = convolve(x, kernel, padding="valid", precision=precision)
    y = y.reshape(x.shape[0], (last - first) * stride, features)
    start = left - first * stride
    return y[:, start : start + length]


def _crop_amounts(padding: Padding, taps: int, stride: int) -> tuple[int, int]:
    if isinstance(padding, str):
        if padding.lower() not in ("same", "valid"):
            raise BadInput(f"padding '{padding}' is unknown; use 'same', 'valid', p or (l, r)")
        if padding.lower() == "valid":
            return 0, 0
        left = max(taps - stride, 0) // 2
        return left, taps - stride - left
    return (padding, padding) if isinstance(padding, int) else padding


class Conv(nn.Module):
    """Convolution [B T C] -> [B T' features]; parameters 'kernel' [k C/groups features], 'bias'.

    The parameters are those of flax.linen.Conv; torch's Conv1d weight is `transpose(2, 1, 0)`.
    padding: 'same' | 'valid' | 'causal' | p | (left, right), see `_pad_amounts`. weight_norm adds
    'scale' [features], the norms of the filters. precision: HIGHEST where the output is audio.
    """

    features: int
    kernel_size: int
    stride: int = 1
    dilation: int = 1
    padding: Padding = "same"
    groups: int = 1
    use_bias: bool = True
    weight_norm: bool = False
    kernel_init: Callable[..., Any] = nn.initializers.lecun_normal()
    bias_init: Callable[..., Any] = nn.initializers.zeros
    dtype: Any = jnp.float32
    precision: _Precision = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel_size, x.shape[-1] // self.groups, self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        kernel = weight_norm(self, kernel, 2) if self.weight_norm else kernel
        bias = self.param("bias", self.bias_init, shape[-1:]) if self.use_bias else None
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = convolve(
            x,
            kernel,
            stride=self.stride,
            dilation=self.dilation,
            padding=self.padding,
            groups=self.groups,
            precision=self.precision,
        )
        return y if bias is None else y + bias


class TransposedConv(nn.Module):
    """Transposed convolution [B T C] -> [B T' features]; 'kernel' [k C features] and 'bias'.

    T' = (T - 1) stride - 2 padding + k + output_padding; see `convolve_transposed` for weights of
    others. weight_norm adds 'scale' [C]: torch normalises per *input* channel here.
    """

    features: int
    kernel_size: int
    stride: int
    padding: Padding = 0
    output_padding: int = 0
    use_bias: bool = True
    weight_norm: bool = False
    kernel_init: Callable[..., Any] = nn.initializers.lecun_normal()
    bias_init: Callable[..., Any] = nn.initializers.zeros
    dtype: Any = jnp.float32
    precision: _Precision = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        kernel = weight_norm(self, kernel, 1) if self.weight_norm else kernel
        bias = self.param("bias", self.bias_init, shape[-1:]) if self.use_bias else None
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = convolve_transposed(
            x,
            kernel,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            precision=self.precision,
        )
        return y if bias is None else y + bias
