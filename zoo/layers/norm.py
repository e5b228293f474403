"""Batch normalisation over the global batch as Flax names it, and weight normalisation as torch.

Group and layer normalisation are Flax's own `nn.GroupNorm` and `nn.LayerNorm`. Its `nn.WeightNorm`
starts every filter at norm one, torch's at the norm of the initial filter: hence ours.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


def weight_norm(module: nn.Module, kernel: jax.Array, axis: int) -> jax.Array:
    """A kernel of the same shape, whose norms along `axis` are the module's parameter 'scale'.

    Starts as the kernel itself. Source: Salimans and Kingma 2016; torch's weight_norm.
    """
    size = _norms(kernel, axis)
    scale = module.param("scale", lambda _: size.reshape(-1))
    return kernel * (scale.reshape(size.shape) / size)


def plain_kernel(params: Any, axis: int) -> jax.Array:
    """A layer's kernel [... C] with its weight norm along `axis`, if any, worked in -> [... C]."""
    kernel = params["kernel"]
    if "scale" not in params:
        return kernel
    size = _norms(kernel, axis)
    return kernel * (params["scale"].reshape(size.shape) / size)


def _norms(kernel: jax.Array, axis: int) -> jax.Array:
    others = tuple(i for i in range(kernel.ndim) if i != axis)
    return jnp.sqrt(jnp.sum(kernel**2, axis=others, keepdims=True))


def _sum(x: jax.Array) -> jax.Array:
    return jnp.sum(x.astype(jnp.float32), axis=tuple(range(x.ndim - 1)))


@jax.custom_vjp
def _normalise(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    return _normalise_forward(x, scale, bias, epsilon)[0]


def _normalise_forward(x, scale, bias, epsilon):
    count = x.size // x.shape[-1]
    mean = _sum(x) / count
    variance = jnp.maximum(_sum(jnp.square(x.astype(jnp.float32))) / count - mean**2, 0)
    inverse = jax.lax.rsqrt(variance + epsilon)
    y = ((x - mean) * (inverse * scale) + bias).astype(x.dtype)
    return (y, mean, variance), (x, scale, mean, inverse)


def _normalise_backward(saved, cotangents):
    x, scale, mean, inverse = saved
    g = cotangents[0]
    count = x.size // x.shape[-1]
    d_bias = _sum(g)
    d_scale = (_sum(g.astype(jnp.float32) * x) - mean * d_bias) * inverse
    centred = (x - mean) * (inverse * d_scale / count)
    dx = (inverse * scale) * (g - d_bias / count - centred)
    return dx.astype(x.dtype), d_scale, d_bias, jnp.zeros(())


_normalise.defvjp(_normalise_forward, _normalise_backward)


class BatchNorm(nn.Module):
    """Normalises channels over the global batch, [... C] -> [... C].

    The gradient is written by hand: two sums and one pass, a third faster on a CPU than Flax's.

    Training uses the batch's mean and (biased) variance and moves 'mean' and 'var' in batch_stats
    by 1 - momentum; else those are used. torch's momentum is 1 - ours, and its running variance is
    the unbiased one. epsilon is 1e-5 in torch, 1e-3 in Keras. batch_statistics:
    outside training too those of the batch at hand are taken, and none are kept (Keras 1's mode=2):
    what comes out depends on the whole batch.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    use_scale: bool = True
    use_bias: bool = True
    batch_statistics: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        shape = x.shape[-1:]
        scale = self.param("scale", nn.initializers.ones, shape) if self.use_scale else None
        bias = self.param("bias", nn.initializers.zeros, shape) if self.use_bias else None
        scale = jnp.ones(shape) if scale is None else scale
        bias = jnp.zeros(shape) if bias is None else bias
        if self.batch_statistics:
            return _normalise(x.astype(self.dtype), scale, bias, jnp.float32(self.epsilon))[0]
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        running_var = self.variable("batch_stats", "var", jnp.ones, shape)
        x = x.astype(self.dtype)
        if not train:
            factor = jax.lax.rsqrt(running_var.value + self.epsilon) * scale
            return ((x - running_mean.value) * factor + bias).astype(self.dtype)
        y, mean, variance = _normalise(x, scale, bias, jnp.float32(self.epsilon))
        if not self.is_initializing():
            mean, variance = jax.lax.stop_gradient((mean, variance))
            keep = self.momentum
            running_mean.value = keep * running_mean.value + (1 - keep) * mean
            running_var.value = keep * running_var.value + (1 - keep) * variance
        return y
