"""LSTM and GRU one step at a time, [B C] -> [B D], with the parameters of the layers over [B T C].

Where a step's input depends on the step before, as in a decoder with attention; and for sampling
from what was trained as a scan: a cell takes the parameters of the layer of its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

from zoo.layers.recurrent import LstmCarry, gru_update, lstm_update


class LSTMCell(nn.Module):
    """One step of `LSTM`, (x [B C], (h, c) [B D]) -> new (h, c) [B D] float32."""

    features: int
    recurrent_bias: bool = True
    kernel_init: Callable[..., Any] = nn.initializers.glorot_uniform()
    recurrent_init: Callable[..., Any] = nn.initializers.orthogonal()
    dtype: Any = jnp.float32
    bias_init: Callable[..., Any] = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: jax.Array, carry: LstmCarry) -> LstmCarry:
        kernel, recurrent, bias, second = _parameters(self, x.shape[-1], 4)
        x, h, kernel, recurrent = promote_dtype(x, carry[0], kernel, recurrent, dtype=self.dtype)
        gates = (x @ kernel + h @ recurrent).astype(jnp.float32) + bias + second
        return lstm_update(gates, carry)


class GRUCell(nn.Module):
    """One step of `GRU`, (x [B C], h [B D]) -> new h [B D] float32."""

    features: int
    recurrent_bias: bool = True
    kernel_init: Callable[..., Any] = nn.initializers.glorot_uniform()
    recurrent_init: Callable[..., Any] = nn.initializers.orthogonal()
    dtype: Any = jnp.float32
    bias_init: Callable[..., Any] = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: jax.Array, h: jax.Array) -> jax.Array:
        kernel, recurrent, bias, second = _parameters(self, x.shape[-1], 3)
        x, held, kernel, recurrent = promote_dtype(x, h, kernel, recurrent, dtype=self.dtype)
        projected = (x @ kernel).astype(jnp.float32) + bias
        return gru_update(projected, (held @ recurrent).astype(jnp.float32) + second, h)


def _parameters(cell: LSTMCell | GRUCell, width: int, gates: int) -> tuple[jax.Array, ...]:
    """kernel [C nD], recurrent_kernel [D nD], bias and recurrent_bias [nD], float32."""
    total = gates * cell.features
    kernel = cell.param("kernel", cell.kernel_init, (width, total))
    recurrent = cell.param("recurrent_kernel", cell.recurrent_init, (cell.features, total))
    bias = cell.param("bias", cell.bias_init, (total,))
    second = jnp.zeros(total)
    if cell.recurrent_bias:
        second = cell.param("recurrent_bias", cell.bias_init, (total,))
    return kernel, recurrent, bias, second
