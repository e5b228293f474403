"""The gated residual layer of WaveNet: van den Oord et al. 2016, arXiv 1609.03499, section 2.3."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv import Conv
from zoo.layers.initializers import Starts, lecun


class GatedBlock(nn.Module):
    """Gated dilated convolution [B T C] -> (residual output [B T C], skip output [B T S]).

    local [B T D] and speaker [B K] add a linear map of theirs before the gate. dropout: of what the
    dilated convolution reads while training, with the `dropout` random numbers.
    """

    gate: int
    skip: int
    kernel: int
    dilation: int
    residual: bool = True
    residual_scale: float = 1.0
    dropout: float = 0.0
    starts: Starts = lecun
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        local: jax.Array | None = None,
        speaker: jax.Array | None = None,
        *,
        train: bool = False,
    ) -> tuple[jax.Array, jax.Array]:
        both, entered = 2 * self.gate, self.starts(self.kernel * x.shape[-1])
        mixed = self.starts(self.gate)
        z = Conv(
            both,
            self.kernel,
            dilation=self.dilation,
            padding="causal",
            dtype=self.dtype,
            name="dilated",
            **entered,
        )(nn.Dropout(self.dropout, deterministic=not train)(x))
        if local is not None:
            starts = self.starts(local.shape[-1])
            z += Conv(both, 1, use_bias=False, dtype=self.dtype, name="local", **starts)(local)
        if speaker is not None:
            starts = self.starts(speaker.shape[-1])
            voice = nn.Dense(both, use_bias=False, dtype=self.dtype, name="speaker", **starts)
            z += voice(speaker)[:, None]
        z = gated_tanh(z)
        skip = Conv(self.skip, 1, dtype=self.dtype, name="skip", **mixed)(z)
        if self.residual:
            residual = Conv(x.shape[-1], 1, dtype=self.dtype, name="residual", **mixed)(z)
            x = (x + residual) * self.residual_scale
        return x, skip


def gated_tanh(z: jax.Array) -> jax.Array:
    """tanh of the first half of the channels times sigmoid of the second, [... 2A] -> [... A]."""
    filtered, gate = jnp.split(z, 2, axis=-1)
    return jnp.tanh(filtered) * jax.nn.sigmoid(gate)
