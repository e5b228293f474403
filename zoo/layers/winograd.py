"""3 x 3 convolutions of spectrograms in fewer multiplications, for CPUs.

Andrew Lavin, Scott Gray: "Fast Algorithms for Convolutional Neural Networks", CVPR 2016: F(4, 3)
along the frames, a convolution along the bins. Four frames of output take six products instead of
twelve; sums of inputs, of taps and of products make up for it. Outputs differ from the plain form's
by some 4e-6 of the largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp

Pads = tuple[int, int]  # (before, after), the same for both axes
_INPUTS = (  # of six frames
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_TAPS = (  # of three
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_OUTPUTS = (  # of six products
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)
_WIDE = 64  # channels in and out from which it was found to be faster
_POSITIONS = 256  # bins of frames of all examples, likewise


def is_faster(x: jax.Array, kernel: jax.Array) -> bool:
    """Whether a CPU convolves [B F N C] with [k l C C'] sooner so: 3 x 3, wide, long, float32."""
    if kernel.shape[:2] != (3, 3) or min(kernel.shape[2:]) < _WIDE or x.dtype != jnp.float32:
        return False
    return bool(x.shape[0] * x.shape[1] * x.shape[2] >= _POSITIONS)


def convolve_3x3(
    pads: Pads, precision: jax.lax.Precision | None, x: jax.Array, kernel: jax.Array
) -> jax.Array:
    """Correlates [B F N C] with [3 3 C C'] -> [B F' N' C'], zeros of `pads` around both axes."""
    batch, frames, _, width = x.shape
    frames = frames + sum(pads) - 2
    tiles = -(-frames // 4)
    x = jax.lax.optimization_barrier(  # else each of the six rows may compute it again
        jnp.pad(x, ((0, 0), (pads[0], 4 * tiles + 2 - x.shape[1] - pads[0]), pads, (0, 0)))
    )
    rows = _sums(_INPUTS, [x[:, i : i + 4 * tiles - 3 : 4] for i in range(6)])
    taps = _sums(_TAPS, [kernel[i] for i in range(3)])

    def product(row: jax.Array, tap: jax.Array) -> jax.Array:
        layout = ("NWC", "WIO", "NWC")
        row = row.reshape(batch * tiles, -1, width)
        return jax.lax.conv_general_dilated(
            row, tap, (1,), "VALID", dimension_numbers=layout, precision=precision
        )

    y = jnp.stack(_sums(_OUTPUTS, [product(*pair) for pair in zip(rows, taps)]), 1)
    return y.reshape(batch, 4 * tiles, *y.shape[2:])[:, :frames]


def _sums(weights: Sequence[Sequence[float]], parts: Sequence[jax.Array]) -> list[jax.Array]:
    used = ([w * part for w, part in zip(row, parts) if w] for row in weights)
    return [reduce(jnp.add, row) for row in used]
