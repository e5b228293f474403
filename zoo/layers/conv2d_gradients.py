"""Dense two-dimensional convolutions [B F N C] -> [B F' N' C'], and gradients, that suit CPUs.

Wide ones of 3 x 3 go by `winograd`, and so do their inputs' gradients.
The kernel's gradient is taken `_by_columns` or, over many positions, `_by_chunks`; the input's,
where there are strides, `_by_phases`, or to one channel as `scattered` sums. Elsewhere both are
JAX's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from itertools import product

import jax
import jax.numpy as jnp

from zoo.layers import winograd
from zoo.layers.winograd import Pads

Precision = jax.lax.Precision | None
WIDE = 128  # channels from which chunks, and a convolution for each phase, were found to be faster
_CHUNK = 512  # positions, bins of frames of all examples, in a chunk of a kernel's gradient


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def convolve_dense(
    x: jax.Array, kernel: jax.Array, stride: tuple[int, int], pads: Pads, precision: Precision
) -> jax.Array:
    """Correlates [B F N C] with [k l C C'] -> [B F' N' C'], zeros of `pads` around both axes."""
    return _fast(stride, pads, precision, x, kernel)


def _fast(
    stride: tuple[int, int], pads: Pads, precision: Precision, x: jax.Array, kernel: jax.Array
) -> jax.Array:
    plain = partial(_plain, stride, pads, precision)
    if stride != (1, 1) or not winograd.is_faster(x, kernel):
        return plain(x, kernel)
    fast = partial(winograd.convolve_3x3, pads, precision)
    return jax.lax.platform_dependent(x, kernel, cpu=fast, default=plain)


def _plain(
    stride: tuple[int, int], pads: Pads, precision: Precision, x: jax.Array, kernel: jax.Array
) -> jax.Array:
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x, kernel, stride, (pads, pads), dimension_numbers=layout, precision=precision
    )


def _forward(x, kernel, stride, pads, precision):
    return _fast(stride, pads, precision, x, kernel), (x, kernel)


def _backward(stride, pads, precision, saved, g):
    x, kernel = saved
    plain = partial(_plain, stride, pads, precision)

    def of_input(kernel: jax.Array, g: jax.Array) -> jax.Array:
        return jax.linear_transpose(lambda x: plain(x, kernel), x)(g)[0]

    def of_kernel(x: jax.Array, g: jax.Array) -> jax.Array:
        return jax.linear_transpose(lambda kernel: plain(x, kernel), kernel)(g)[0]

    def phases(kernel: jax.Array, g: jax.Array) -> jax.Array:
        sums = partial(_by_phases, stride, pads, precision, g.shape[1:3])
        return jax.linear_transpose(lambda x: sums(x, kernel), x)(g)[0]

    def scattered_sums(kernel: jax.Array, g: jax.Array) -> jax.Array:
        dx = scattered(stride, precision, g, kernel.swapaxes(2, 3))
        dx = jnp.pad(dx, ((0, 0), *((0, s) for s in stride), (0, 0)))  # rows that no tap saw
        ends = [pads[0] + size for size in x.shape[1:3]]
        return dx[:, pads[0] : ends[0], pads[0] : ends[1]]

    chunks = partial(_by_chunks, stride, pads, precision, kernel.shape[:2])
    columns = partial(_by_columns, pads, precision, kernel.shape[:2])
    if _is_long(stride, x, g):
        dk = jax.lax.platform_dependent(x, g, cpu=chunks, default=of_kernel)
    elif stride == (1, 1):
        dk = jax.lax.platform_dependent(x, g, cpu=columns, default=of_kernel)
    else:
        dk = of_kernel(x, g)
    if stride == (1, 1):
        if max(pads) <= 2 and winograd.is_faster(g, kernel):
            turned = kernel[::-1, ::-1].swapaxes(2, 3)
            return _fast(stride, (2 - pads[0], 2 - pads[1]), precision, g, turned), dk
        return of_input(kernel, g), dk
    cpu = scattered_sums if x.shape[3] == 1 else phases
    return jax.lax.platform_dependent(kernel, g, cpu=cpu, default=of_input), dk


convolve_dense.defvjp(_forward, _backward)


def _by_phases(
    stride: tuple[int, int],
    pads: Pads,
    precision: Precision,
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
    pads: Pads, precision: Precision, taps: tuple[int, int], x: jax.Array, g: jax.Array
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

    JAX's own form of a strided one is slower from fewer on, and as fast from four examples on.
    """
    batch, frames, bins, features = g.shape
    dense = stride == (1, 1)
    long = batch * frames * bins >= (8 if dense else 3) * _CHUNK
    return long and min(x.shape[3], features) >= WIDE and (dense or batch < 4)


def _by_chunks(
    stride: tuple[int, int],
    pads: Pads,
    precision: Precision,
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


def scattered(
    stride: tuple[int, int], precision: Precision, x: jax.Array, kernel: jax.Array
) -> jax.Array:
    """Transposed convolution of [B F N C] with [k l C C'], uncropped -> [B F' N' C'].

    Products with all taps are added where they fall; F' = (F - 1 + ceil(k / s)) s, with zeros at
    the end.
    """
    most = [-(-taps // s) for taps, s in zip(kernel.shape, stride)]
    rows, columns = (n + m - 1 for n, m in zip(x.shape[1:3], most))
    y = jnp.einsum("bfnc,klco->bfnklo", x, kernel, precision=precision).astype(jnp.float32)
    y = jnp.pad(y, ((0, 0), *((m - 1, m - 1) for m in most), *((0, 0),) * 3))

    def shifted(k: int, l: int) -> jax.Array:
        top, left = most[0] - 1 - k // stride[0], most[1] - 1 - l // stride[1]
        return y[:, top : top + rows, left : left + columns, k, l]

    def phase(i: int, j: int) -> jax.Array:
        taps = product(*(range(at, n, s) for at, n, s in zip((i, j), kernel.shape, stride)))
        nothing = jnp.zeros((y.shape[0], rows, columns, y.shape[-1]))
        return reduce(jnp.add, (shifted(*tap) for tap in taps), nothing)

    return join_phases(stride, phase).astype(x.dtype)


def join_phases(stride: tuple[int, int], phase: Callable[[int, int], jax.Array]) -> jax.Array:
    """The image [B F s N t C] of which phase(i, j) [B F N C] has every s-th row, t-th column."""
    rows = [jnp.stack([phase(i, j) for j in range(stride[1])], 3) for i in range(stride[0])]
    return interleaved(jnp.stack(rows, 3))


def interleaved(phases: jax.Array) -> jax.Array:
    """[B F N s t C] -> [B F s N t C], as an image [B F s N t C]."""
    batch, rows, columns, s, t, features = phases.shape
    return phases.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows * s, columns * t, features)
