"""Spectral normalisation as PyTorch has it: a layer's kernel over its largest singular value.

Flax's `nn.SpectralNorm` differs: its products are rounded to 10 bits on GPUs and 7 on TPUs, it adds
a small number to squared norms, so that small kernels end off one, it takes another power step
where nothing is learnt, and its first estimate of the singular value is that of a random vector.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.signal.precision import HIGHEST

COLLECTION = "singular_vectors"  # not batch_stats, which are counted anew for averaged weights
_EPSILON = 1e-12  # below it, a vector is not made longer
_FIRST = 15  # power steps from random vectors at initialisation


class SpectralNorm(nn.Module):
    """A layer under a kernel whose largest singular value is near one, [B ... C] -> [B ... C'].

    A kernel [... C'] is taken as the matrix [C' N] that torch's weight is. Every call with
    update=True takes `steps` power steps from the kept vectors 'u' [C'] and 'v' [N] of COLLECTION,
    float32, and keeps what it finds; other calls take the kept ones as they are. No gradient goes
    through the vectors. Other parameters of the layer stay. A kernel of zeros stays zero.
    Source: Miyato et al., ICLR 2018; torch.nn.utils.spectral_norm, in whose order.
    """

    layer: nn.Module
    steps: int = 1
    first: int = _FIRST  # power steps at initialisation; an orthogonal kernel needs none

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool = False) -> jax.Array:
        def normed(params: Any) -> Any:
            inner = params.get("params", {})
            if "kernel" not in inner:
                there = ", ".join(sorted(inner))
                raise BadInput(f"a spectral norm needs a kernel; the layer has {there}")
            kernel = self._normed(inner["kernel"], update)
            return {"params": {**inner, "kernel": kernel}}

        run = nn.map_variables(
            lambda layer: layer(x), trans_in_fn=normed, init=self.is_initializing(), mutable=True
        )
        return run(self.layer)

    def _normed(self, kernel: jax.Array, update: bool) -> jax.Array:
        """The kernel over its singular value by the vectors of now."""
        matrix = kernel.astype(jnp.float32).reshape(-1, kernel.shape[-1]).T
        fixed = jax.lax.stop_gradient(matrix)
        u = self.variable(COLLECTION, "u", self._begun, fixed)
        v = self.variable(COLLECTION, "v", lambda: _unit(_times(u.value, fixed)))
        left, right = u.value, v.value
        if update and not self.is_initializing():
            left, right = _power_steps(fixed, left, self.steps)
            u.value, v.value = left, right
        largest = _times(left, _times(matrix, right))
        return kernel / jnp.where(largest == 0, 1, largest)

    def _begun(self, matrix: jax.Array) -> jax.Array:
        start = jax.random.normal(self.make_rng("params"), matrix.shape[:1])

        def step(_: int, u: jax.Array) -> jax.Array:
            return _power_steps(matrix, u, 1)[0]

        return jax.lax.fori_loop(0, self.first, step, _unit(start)) if self.first else _unit(start)


def _power_steps(matrix: jax.Array, u: jax.Array, steps: int) -> tuple[jax.Array, jax.Array]:
    """Left and right singular vectors [M], [N] of [M N], `steps` steps on from the left one."""
    v = _unit(_times(u, matrix))
    u = _unit(_times(matrix, v))
    return (u, v) if steps == 1 else _power_steps(matrix, u, steps - 1)


def _times(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b, precision=HIGHEST)


def _unit(vector: jax.Array) -> jax.Array:
    """A vector [N] of length one."""
    return vector / jnp.maximum(jnp.sqrt(jnp.sum(vector**2)), _EPSILON)
