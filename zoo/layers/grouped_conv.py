"""Grouped and depthwise convolution [B T C] -> [B T' C'] without `feature_group_count`.

XLA differentiates a grouped convolution with G times the work, and in naive loops on a CPU. Here a
depthwise one is a sum of taps, few groups are as many dense convolutions, and many groups are one
batched matrix product of blocks with a Toeplitz matrix.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from zoo.errors import BadInput

DEPTHWISE_TAPS = 32  # a sum of more taps than this compiles slowly
SPLIT_GROUPS = 4
_BLOCK = 8  # outputs per Toeplitz block at most


def fold_stride(
    x: jax.Array, kernel: jax.Array, stride: int, length: int, *, groups: int
) -> tuple[jax.Array, jax.Array]:
    """[B T C], [k C/G C'] -> [B T/s s C], [k/s s C/G C']: the same `length` outputs at stride 1."""
    if stride == 1:
        return x, kernel
    batch, total, channels = x.shape
    taps, width, features = kernel.shape
    blocks = -(-taps // stride)
    wanted = (length + blocks - 1) * stride
    x = jnp.pad(x, ((0, 0), (0, max(wanted - total, 0)), (0, 0)))[:, :wanted]
    used = min(taps, stride)  # a kernel shorter than the stride never sees the other samples
    x = x.reshape(batch, -1, stride, groups, width)[:, :, :used].transpose(0, 1, 3, 2, 4)
    kernel = jnp.pad(kernel, ((0, blocks * used - taps), (0, 0), (0, 0)))
    return (
        x.reshape(batch, length + blocks - 1, used * channels),
        kernel.reshape(blocks, used * width, features),
    )


def grouped_convolve(
    x: jax.Array, kernel: jax.Array, *, stride: int = 1, dilation: int = 1, groups: int
) -> jax.Array:
    """Grouped correlation without padding, [B T C] with [k C/G C'] -> [B T' C'].

    Channel c of the input belongs to group c // (C / G), of the output to c // (C' / G), as in
    torch and Flax.
    """
    taps, width, features = kernel.shape
    if x.shape[-1] != width * groups or features % groups:
        raise BadInput(f"{x.shape[-1]} -> {features} channels do not split into {groups} groups")
    span = (taps - 1) * dilation + 1
    length = (x.shape[1] - span) // stride + 1
    if width == 1 and taps <= DEPTHWISE_TAPS:
        x = x if features == groups else jnp.repeat(x, features // groups, axis=-1)
        return _depthwise(x, kernel[:, 0], stride, dilation)
    if dilation > 1:
        kernel = _spread(kernel, dilation) if groups > SPLIT_GROUPS or stride > 1 else kernel
        dilation = dilation if kernel.shape[0] == taps else 1
    x, kernel = fold_stride(x, kernel, stride, length, groups=groups)
    if groups <= SPLIT_GROUPS:
        return _split(x, kernel, dilation, groups)
    return _toeplitz(x, kernel, length, groups)


def _spread(kernel: jax.Array, dilation: int) -> jax.Array:
    """[k I O] -> [(k - 1) d + 1 I O], the gaps of a dilated kernel filled with zeros."""
    taps, width, features = kernel.shape
    gaps = jnp.zeros((taps, dilation - 1, width, features), kernel.dtype)
    filled = jnp.concatenate([kernel[:, None], gaps], 1).reshape(-1, width, features)
    return filled[: (taps - 1) * dilation + 1]


def _split(x: jax.Array, kernel: jax.Array, dilation: int, groups: int) -> jax.Array:
    parts = zip(jnp.split(x, groups, -1), jnp.split(kernel, groups, -1))
    outputs = [
        jax.lax.conv_general_dilated(
            part,
            taps,
            (1,),
            "VALID",
            rhs_dilation=(dilation,),
            dimension_numbers=("NWC", "WIO", "NWC"),
        )
        for part, taps in parts
    ]
    return jnp.concatenate(outputs, -1)


def _toeplitz(x: jax.Array, kernel: jax.Array, length: int, groups: int) -> jax.Array:
    """Each block of P outputs is a product of its (blocked) window with shifted kernels."""
    batch = x.shape[0]
    taps, width, features = kernel.shape
    out = features // groups
    block = min(_BLOCK, max(taps // 4, -(-16 // out), 1))
    windows = -(-(taps - 1) // block) + 1
    count = -(-length // block)
    total = (count + windows - 1) * block
    x = jnp.pad(x, ((0, 0), (0, max(total - x.shape[1], 0)), (0, 0)))[:, :total]
    x = x.reshape(batch, -1, block, groups, width).transpose(3, 0, 1, 2, 4)
    x = x.reshape(groups, batch, -1, block * width)
    x = jnp.concatenate([x[:, :, i : i + count] for i in range(windows)], -1)
    room = windows * block - taps
    shifts = [jnp.pad(kernel, ((p, room - p), (0, 0), (0, 0))) for p in range(block)]
    matrix = jnp.stack(shifts, 2).reshape(windows * block, width, block, groups, out)
    matrix = matrix.transpose(3, 0, 1, 2, 4).reshape(groups, -1, block * out)
    y = jnp.einsum("gbni,gio->bngo", x, matrix).reshape(batch, count, groups, block, out)
    y = y.transpose(0, 1, 3, 2, 4).reshape(batch, count * block, features)
    return y[:, :length]


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _depthwise(x: jax.Array, taps: jax.Array, stride: int = 1, dilation: int = 1) -> jax.Array:
    """One filter per channel without padding, [B T C] with [k C] -> [B T' C]."""
    slices = _slices(x, taps.shape[0], stride, dilation)
    return sum(part * tap for part, tap in zip(slices, taps))


def _slices(x: jax.Array, count: int, stride: int, dilation: int) -> list[jax.Array]:
    last = (x.shape[1] - (count - 1) * dilation - 1) // stride * stride
    return [x[:, j * dilation : j * dilation + last + 1 : stride] for j in range(count)]


def _depthwise_forward(x, taps, stride, dilation):
    return _depthwise(x, taps, stride, dilation), (x, taps)


def _depthwise_backward(stride, dilation, saved, g):
    x, taps = saved
    span = (taps.shape[0] - 1) * dilation
    slices = _slices(x, taps.shape[0], stride, dilation)
    d_taps = jnp.stack([jnp.einsum("btc,btc->c", part, g) for part in slices])
    used = (g.shape[1] - 1) * stride + 1 + span
    zero = jnp.zeros((), g.dtype)
    g = jax.lax.pad(g, zero, ((0, 0, 0), (span, span, stride - 1), (0, 0, 0)))
    dx = _depthwise(g, taps[::-1], 1, dilation)
    return jnp.pad(dx, ((0, 0), (0, x.shape[1] - used), (0, 0))), d_taps.astype(taps.dtype)


_depthwise.defvjp(_depthwise_forward, _depthwise_backward)
