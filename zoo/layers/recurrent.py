"""LSTM and GRU over [B T C] -> [B T D], trained through hand-written scans.

The input projection is one product before the scan, and so is each weight gradient after the
backward scan: differentiating a plain scan would read and write it at every step. Gates stand side
by side in torch's order: LSTM (input, forget, cell, output), GRU (reset, update, new), so torch's
weight_ih_l0.T, weight_hh_l0.T, bias_ih_l0, bias_hh_l0 are our kernel, recurrent_kernel, bias,
recurrent_bias. Reverse mode only, to any order; `jvp` is not defined.

Under bfloat16 the products are in it, gates and states stay float32: what a step adds to a state is
often less than the rounding of the state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

from zoo.errors import BadInput
from zoo.layers.product import project

LstmCarry = tuple[jax.Array, jax.Array]


def _lstm_step(gates: jax.Array, c: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Activated gates [B 4H], cell and output [B H] from the summed projections [B 4H]."""
    i, f, g, o = jnp.split(gates.astype(c.dtype), 4, -1)
    i, f, g, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)
    c = f * c + i * g
    return jnp.concatenate([i, f, g, o], -1), c, o * jnp.tanh(c)


@jax.custom_vjp
def lstm_scan(
    projected: jax.Array, kernel: jax.Array, carry: LstmCarry
) -> tuple[jax.Array, LstmCarry]:
    """Outputs [T B D] and the last (h, c) from input projections [T B 4D], kernel [D 4D]."""

    def step(carry, x):
        h, c = carry
        _, c, h = _lstm_step(x + h.astype(x.dtype) @ kernel, c)
        return (h, c), h.astype(x.dtype)

    carry, outputs = jax.lax.scan(step, carry, projected)
    return outputs, carry


def _lstm_forward(projected, kernel, carry):
    def step(carry, x):
        h, c = carry
        gates, c, h = _lstm_step(x + h.astype(x.dtype) @ kernel, c)
        return (h, c), (gates.astype(x.dtype), c, h.astype(x.dtype))

    last, (gates, cells, outputs) = jax.lax.scan(step, carry, projected)
    return (outputs, last), (gates, cells, outputs, kernel, carry)


def _lstm_backward(saved, cotangents):
    gates, cells, outputs, kernel, (h0, c0) = saved
    d_outputs, (dh, dc) = cotangents
    before = jnp.concatenate([c0[None], cells[:-1]])

    def step(carry, inputs):
        dh, dc = carry
        gates, c, c_before, d_output = inputs
        i, f, g, o = jnp.split(gates.astype(c.dtype), 4, -1)
        dh = dh + d_output
        tanh_c = jnp.tanh(c)
        dc = dc + dh * o * (1 - tanh_c**2)
        d_gates = [
            dc * g * i * (1 - i),
            dc * c_before * f * (1 - f),
            dc * i * (1 - g**2),
            dh * tanh_c * o * (1 - o),
        ]
        d_gates = jnp.concatenate(d_gates, -1).astype(kernel.dtype)
        return ((d_gates @ kernel.T).astype(dh.dtype), dc * f), d_gates

    inputs = (gates, cells, before, d_outputs)
    d_carry, d_projected = jax.lax.scan(step, (dh, dc), inputs, reverse=True)
    before = jnp.concatenate([h0[None].astype(outputs.dtype), outputs[:-1]])
    return d_projected, jnp.einsum("tbi,tbo->io", before, d_projected), d_carry


lstm_scan.defvjp(_lstm_forward, _lstm_backward)


def _gru_step(x: jax.Array, recurrent: jax.Array, h: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Activated gates [B 3H] and output [B H] from the input's and the state's projections."""
    xr, xz, xn = jnp.split(x.astype(h.dtype), 3, -1)
    hr, hz, hn = jnp.split(recurrent.astype(h.dtype), 3, -1)
    r, z = jax.nn.sigmoid(xr + hr), jax.nn.sigmoid(xz + hz)
    n = jnp.tanh(xn + r * hn)
    return jnp.concatenate([r, z, n], -1), (1 - z) * n + z * h


@jax.custom_vjp
def gru_scan(
    projected: jax.Array, kernel: jax.Array, bias: jax.Array, carry: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Outputs [T B D] and the last h from input projections [T B 3D], kernel [D 3D], bias [3D]."""

    def step(h, x):
        _, h = _gru_step(x, h.astype(x.dtype) @ kernel + bias, h)
        return h, h.astype(x.dtype)

    carry, outputs = jax.lax.scan(step, carry, projected)
    return outputs, carry


def _gru_forward(projected, kernel, bias, carry):
    def step(h, x):
        recurrent = h.astype(x.dtype) @ kernel + bias
        gates, h = _gru_step(x, recurrent, h)
        return h, (gates.astype(x.dtype), jnp.split(recurrent, 3, -1)[2], h)

    last, (gates, news, states) = jax.lax.scan(step, carry, projected)
    outputs = states.astype(projected.dtype)
    return (outputs, last), (gates, news, states, kernel, carry)


def _gru_backward(saved, cotangents):
    gates, news, states, kernel, h0 = saved
    d_outputs, d_last = cotangents
    before = jnp.concatenate([h0[None], states[:-1]])

    def step(dh, inputs):
        gates, new, h, d_output = inputs
        r, z, n = jnp.split(gates.astype(h.dtype), 3, -1)
        dh = dh + d_output
        dn = dh * (1 - z) * (1 - n**2)
        dr = dn * new * r * (1 - r)
        dz = dh * (h - n) * z * (1 - z)
        d_recurrent = jnp.concatenate([dr, dz, dn * r], -1).astype(kernel.dtype)
        d_projected = jnp.concatenate([dr, dz, dn], -1).astype(kernel.dtype)
        return dh * z + d_recurrent @ kernel.T, (d_projected, d_recurrent)

    inputs = (gates, news, before, d_outputs)
    d_carry, (d_projected, d_recurrent) = jax.lax.scan(step, d_last, inputs, reverse=True)
    d_kernel = jnp.einsum("tbi,tbo->io", before.astype(kernel.dtype), d_recurrent)
    return d_projected, d_kernel, d_recurrent.sum((0, 1)), d_carry


gru_scan.defvjp(_gru_forward, _gru_backward)


def lstm_update(gates: jax.Array, carry: LstmCarry) -> LstmCarry:
    """One step: the sum of both projections [B 4D] -> new (h, c)."""
    _, c, h = _lstm_step(gates, carry[1])
    return h, c


def gru_update(projected: jax.Array, recurrent: jax.Array, h: jax.Array) -> jax.Array:
    """One step: the input's and the state's projections, biases included, [B 3D] -> new h."""
    return _gru_step(projected, recurrent, h)[1]


class LSTM(nn.Module):
    """One LSTM layer, [B T C] -> ([B T D], carry), or [B T 2D] when bidirectional.

    carry is (h, c), each [B D], or a pair of them (forward, backward); zeros where not given.
    """

    features: int
    bidirectional: bool = False
    recurrent_bias: bool = True  # torch and cuDNN have a second, redundant bias
    kernel_init: Callable[..., Any] = nn.initializers.glorot_uniform()
    recurrent_init: Callable[..., Any] = nn.initializers.orthogonal()
    dtype: Any = jnp.float32
    bias_init: Callable[..., Any] = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: jax.Array, carry: Any = None) -> tuple[jax.Array, Any]:
        def run(x, kernel, recurrent, bias, second, carry):
            if carry is None:
                zeros = jnp.zeros((x.shape[1], self.features))
                carry = (zeros, zeros)
            return lstm_scan(project(x, kernel) + (bias + second), recurrent, _precise(carry, x))

        return _directions(self, x, carry, 4, run)


class GRU(nn.Module):
    """One GRU layer (reset after the product), [B T C] -> ([B T D], carry), or [B T 2D].

    carry is h [B D], or a pair (forward, backward); zeros where not given.
    """

    features: int
    bidirectional: bool = False
    recurrent_bias: bool = True  # inside the reset gate's product, as torch and cuDNN have it
    kernel_init: Callable[..., Any] = nn.initializers.glorot_uniform()
    recurrent_init: Callable[..., Any] = nn.initializers.orthogonal()
    dtype: Any = jnp.float32
    bias_init: Callable[..., Any] = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: jax.Array, carry: Any = None) -> tuple[jax.Array, Any]:
        def run(x, kernel, recurrent, bias, second, carry):
            if carry is None:
                carry = jnp.zeros((x.shape[1], self.features))
            return gru_scan(project(x, kernel) + bias, recurrent, second, _precise(carry, x))

        return _directions(self, x, carry, 3, run)


def _precise(carry: Any, x: jax.Array) -> Any:
    dtype = jnp.promote_types(x.dtype, jnp.float32)
    return jax.tree.map(lambda leaf: leaf.astype(dtype), carry)


def _directions(
    layer: LSTM | GRU, x: jax.Array, carry: Any, gates: int, run: Callable[..., Any]
) -> tuple[jax.Array, Any]:
    if x.ndim != 3 or x.shape[1] < 1:
        raise BadInput(
            f"input of shape {x.shape} is not [B T C] with T > 0; give one step as T = 1"
        )
    x = x.swapaxes(0, 1)
    if not layer.bidirectional:
        outputs, carry = run(*_parameters(layer, x, gates, ""), carry)
        return outputs.swapaxes(0, 1), carry
    ahead, back = (None, None) if carry is None else carry
    first, ahead = run(*_parameters(layer, x, gates, ""), ahead)
    second, back = run(*_parameters(layer, x[::-1], gates, "_reverse"), back)
    outputs = jnp.concatenate([first, second[::-1]], -1)
    return outputs.swapaxes(0, 1), (ahead, back)


def _parameters(layer: LSTM | GRU, x: jax.Array, gates: int, suffix: str) -> tuple[jax.Array, ...]:
    width = gates * layer.features
    kernel = layer.param("kernel" + suffix, layer.kernel_init, (x.shape[-1], width))
    shape = (layer.features, width)
    recurrent = layer.param("recurrent_kernel" + suffix, layer.recurrent_init, shape)
    bias = layer.param("bias" + suffix, layer.bias_init, (width,))
    second = jnp.zeros(width)
    if layer.recurrent_bias:
        second = layer.param("recurrent_bias" + suffix, layer.bias_init, (width,))
    return tuple(promote_dtype(x, kernel, recurrent, bias, second, dtype=layer.dtype))
