"""The gated residual layer of WaveNet: van den Oord et al. 2016, arXiv 1609.03499, section 2.3."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv import Conv


class GatedBlock(nn.Module):
    """Gated dilated convolution [B T C] -> (residual output [B T C], skip output [B T S]).

    local [B T D] and speaker [B K] add a linear map of theirs before the gate.
    """

    gate: int
    skip: int
    kernel: int
    dilation: int
    residual: bool = True
    residual_scale: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, local: jax.Array | None = None, speaker: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        both = 2 * self.gate
        z = Conv(
            both, self.kernel, dilation=self.dilation, padding="causal", dtype=self.dtype,
            name="dilated",
        )(x)  # fmt: skip
        if local is not None:
            z += Conv(both, 1, use_bias=False, dtype=self.dtype, name="local")(local)
        if speaker is not None:
            z += nn.Dense(both, use_bias=False, dtype=self.dtype, name="speaker")(speaker)[:, None]
        z = gated(z)
        skip = Conv(self.skip, 1, dtype=self.dtype, name="skip")(z)
        if self.residual:
            residual = Conv(x.shape[-1], 1, dtype=self.dtype, name="residual")(z)
            x = (x + residual) * self.residual_scale
        return x, skip


def gated(z: jax.Array) -> jax.Array:
    """tanh of the first half of the channels times sigmoid of the second, [... 2A] -> [... A]."""
    filtered, gate = jnp.split(z, 2, axis=-1)
    return jnp.tanh(filtered) * jax.nn.sigmoid(gate)
