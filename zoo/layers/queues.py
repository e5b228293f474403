"""Past inputs of a stack of dilated causal convolutions, in one buffer [N B C], for sampling.

Layer l with k taps needs its last (k-1) d_l inputs; N is the sum of these over the layers.
Reading in ONE gather what is needed, and writing all after everything else, is what keeps XLA from
copying the whole buffer at every sample (a factor of three to six in speed): in one scatter, but
on TPUs slice by slice.
Idea of the queues: Paine et al. 2016, arXiv 1611.09482.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Carry = dict[str, jax.Array]


@dataclass(frozen=True)
class Queues:
    """The layout for `kernel` taps and the `dilations` of all layers; the arrays are the carry."""

    kernel: int
    dilations: tuple[int, ...]

    @property
    def lengths(self) -> np.ndarray:
        return (self.kernel - 1) * np.asarray(self.dilations)

    def initial(self, batch: int, width: int, dtype: Any = jnp.float32) -> Carry:
        """Silence: zeros, as the padding of the parallel convolutions."""
        buffer = jnp.zeros((int(self.lengths.sum()), batch, width), dtype)
        return {"buffer": buffer, "clock": jnp.zeros((), jnp.int32)}

    def filled(self, inputs: list[jax.Array]) -> Carry:
        """The carry after each layer took its inputs [B T C]."""
        queues = [
            jnp.pad(x, ((0, 0), (length, 0), (0, 0)))[:, x.shape[1] :].transpose(1, 0, 2)
            for x, length in zip(inputs, self.lengths.tolist())
        ]
        return {"buffer": jnp.concatenate(queues), "clock": jnp.zeros((), jnp.int32)}

    def read(self, carry: Carry) -> jax.Array:
        """Past taps, oldest first, of every layer for the next sample: [L k-1 B C]."""
        return carry["buffer"].at[self._rows(carry["clock"])].get(mode="promise_in_bounds")

    def write(self, carry: Carry, inputs: jax.Array) -> Carry:
        """Replaces each layer's oldest input by its newest, inputs [L B C]."""
        rows, inputs = self._rows(carry["clock"])[:, 0], inputs.astype(carry["buffer"].dtype)
        buffer = jax.lax.platform_dependent(
            carry["buffer"], rows, inputs, tpu=slice_by_slice, default=_scattered
        )
        period = math.lcm(*self.lengths.tolist())
        return {"buffer": buffer, "clock": (carry["clock"] + 1) % period}

    def turned(self, carry: Carry, clock: jax.Array) -> Carry:
        """The same past, laid out as it lies at that clock; carries of one clock may be mixed."""
        lengths = np.repeat(self.lengths, self.lengths)
        first = np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths)
        place = np.arange(len(first)) - first
        rows = first + (place + carry["clock"] - clock) % lengths
        return {"buffer": carry["buffer"][rows], "clock": clock}

    def _rows(self, clock: jax.Array) -> jax.Array:
        lengths = self.lengths
        starts = np.cumsum(lengths) - lengths
        ahead = np.asarray(self.dilations)[:, None] * np.arange(self.kernel - 1)
        return starts[:, None] + (clock + ahead) % lengths[:, None]


def _scattered(buffer: jax.Array, rows: jax.Array, inputs: jax.Array) -> jax.Array:
    """The buffer [N B C] with inputs [L B C] in rows [L], which differ and rise."""
    return buffer.at[rows].set(
        inputs, mode="promise_in_bounds", unique_indices=True, indices_are_sorted=True
    )


def slice_by_slice(buffer: jax.Array, rows: jax.Array, inputs: jax.Array) -> jax.Array:
    """As `_scattered`, each row by itself: the buffer [N B C] with inputs [L B C] in rows [L].

    XLA:TPU fuses every slice into the kernel that makes its input. A scatter is a kernel of its
    own, beside which most weights of the loop are read from main memory at every sample.
    """
    for row, new in zip(rows, inputs):
        buffer = jax.lax.dynamic_update_slice_in_dim(buffer, new[None], row, 0)
    return buffer
