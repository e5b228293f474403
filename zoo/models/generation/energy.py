"""Energy of windows of audio: one number that is low where a window sounds like the data.

Du, Mordatch 2019 (NeurIPS), arXiv 1903.08689: a residual net without batch normalisation, with a
spectral norm of every layer but the last, that makes it smooth enough to be walked on. The paper's
nets are made for images; strided convolutions and sizes are ours.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.spectral_norm import SpectralNorm
from zoo.signal.precision import HIGHEST

_STRIDE = 4


class Energy(nn.Module):
    """Audio [B T 1] in units of the objective -> energies [B]; T is `samples`.

    Every level is a strided convolution and a residual one. training moves the vectors of the
    spectral norms, the collection 'batch_stats'.
    """

    samples: int = 1024
    width: int = 64
    levels: int = 3
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> int:
        """Samples of which the energy is made: a window."""
        return self.samples

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.shape[1:] != (self.samples, 1) or self.samples % _STRIDE**self.levels:
            raise BadInput(
                f"audio {x.shape}: give windows [B {self.samples} 1], of a multiple of"
                f" {_STRIDE**self.levels} samples"
            )

        def smooth(layer: nn.Module, name: str, x: jax.Array) -> jax.Array:
            return SpectralNorm(layer, name=name)(x, update=train)

        for i in range(self.levels):
            down = Conv(self.width, 2 * _STRIDE, _STRIDE, padding=2, dtype=self.dtype)
            x = nn.swish(smooth(down, f"down_{i}", x))
            again = Conv(self.width, 3, dtype=self.dtype)
            x = x + nn.swish(smooth(again, f"again_{i}", x))
        pooled = x.astype(jnp.float32).sum(1)
        return nn.Dense(1, precision=HIGHEST, name="energy")(pooled)[:, 0]
