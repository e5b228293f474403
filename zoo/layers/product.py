"""Products of frames with a kernel, whose gradients suit CPUs."""

from __future__ import annotations

from typing import Any

import jax


@jax.custom_vjp
def project(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x @ kernel, [... C] with [C D] -> [... D]. Reverse mode only, to any order."""
    return x @ kernel


def _forward(x, kernel):
    return x @ kernel, (x, kernel)


def _backward(saved, g):
    x, kernel = saved
    flat = x.reshape(-1, x.shape[-1])
    outputs = g.reshape(-1, g.shape[-1])

    def turned(flat: jax.Array, outputs: jax.Array) -> jax.Array:
        # XLA's CPU products take twice as long where the first operand is to be read by columns,
        # and without the barrier it makes that of any other form.
        return jax.lax.optimization_barrier(flat.T) @ outputs

    def plain(flat: jax.Array, outputs: jax.Array) -> jax.Array:
        return flat.T @ outputs

    d_kernel = jax.lax.platform_dependent(flat, outputs, cpu=turned, default=plain)
    return g @ kernel.T, d_kernel


project.defvjp(_forward, _backward)


def project_last(x: jax.Array, kernel: jax.Array, *_: Any, **__: Any) -> jax.Array:
    """`project` of [... C] and [C D] -> [... D], as the `dot_general` of flax.linen.Dense."""
    return project(x, kernel)
