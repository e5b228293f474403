"""GRU and LSTM of Keras 1, [B T C] -> [B T D]: gates by a piecewise line, one bias a gate.

The GRU resets the state *before* its product with the recurrent kernel, which no later framework
does by default; gates stand side by side as Keras orders them: GRU (z, r, h), LSTM (i, f, c, o).
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

from zoo.errors import BadInput
from zoo.layers.initializers import GLOROT, keras_orthogonal, per_gate


def _hard_sigmoid(x: jax.Array) -> jax.Array:
    """min(max(x / 5 + 1/2, 0), 1), [...] -> [...]: the gates of Keras 1 and 2."""
    return jnp.clip(0.2 * x + 0.5, 0.0, 1.0)


class KerasGRU(nn.Module):
    """GRU as Keras 1 has it, [B T C] -> [B T D]; h = z h' + (1 - z) tanh(x W + (r h') U + b).

    Parameters 'kernel' [C 3D], 'recurrent_kernel' [D 3D] and 'bias' [3D], gates z, r, h.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        projected, recurrent = _projected(self, x, 3, nn.initializers.zeros)
        gates, new = recurrent[:, : 2 * self.features], recurrent[:, 2 * self.features :]

        def step(h: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
            xz, xr, xh = jnp.split(x.astype(jnp.float32), 3, -1)
            low = h.astype(x.dtype)
            hz, hr = jnp.split((low @ gates).astype(jnp.float32), 2, -1)
            z, r = _hard_sigmoid(xz + hz), _hard_sigmoid(xr + hr)
            candidate = jnp.tanh(xh + ((r * h).astype(x.dtype) @ new).astype(jnp.float32))
            h = z * h + (1 - z) * candidate
            return h, h.astype(x.dtype)

        start = jnp.zeros((x.shape[0], self.features))
        return jax.lax.scan(step, start, projected)[1].swapaxes(0, 1)


class KerasLSTM(nn.Module):
    """LSTM as Keras 1 has it, [B T C] -> [B T D]; the forget gate's bias starts at one.

    Parameters 'kernel' [C 4D], 'recurrent_kernel' [D 4D] and 'bias' [4D], gates i, f, c, o.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def bias(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
            return jnp.zeros(shape, dtype).at[self.features : 2 * self.features].set(1.0)

        projected, recurrent = _projected(self, x, 4, bias)

        def step(carry: tuple[jax.Array, jax.Array], x: jax.Array):
            h, c = carry
            total = (x + h.astype(x.dtype) @ recurrent).astype(jnp.float32)
            i, f, new, o = jnp.split(total, 4, -1)
            c = _hard_sigmoid(f) * c + _hard_sigmoid(i) * jnp.tanh(new)
            h = _hard_sigmoid(o) * jnp.tanh(c)
            return (h, c), h.astype(x.dtype)

        start = jnp.zeros((x.shape[0], self.features))
        return jax.lax.scan(step, (start, start), projected)[1].swapaxes(0, 1)


def _projected(
    layer: KerasGRU | KerasLSTM, x: jax.Array, gates: int, bias_init: Any
) -> tuple[jax.Array, jax.Array]:
    """The input's part of all gates [T B n D], and the recurrent kernel [D n D]."""
    if x.ndim != 3 or x.shape[1] < 1:
        raise BadInput(f"input of shape {x.shape} is not [B T C] with T > 0")
    width = gates * layer.features
    kernel = layer.param("kernel", per_gate(*[GLOROT] * gates), (x.shape[-1], width))
    turn = per_gate(*[keras_orthogonal] * gates)
    recurrent = layer.param("recurrent_kernel", turn, (layer.features, width))
    bias = layer.param("bias", bias_init, (width,))
    x, kernel, recurrent, bias = promote_dtype(x, kernel, recurrent, bias, dtype=layer.dtype)
    return x.swapaxes(0, 1) @ kernel + bias, recurrent
