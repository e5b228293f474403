"""Wave-U-Net conditioned on instrument labels: as many stems as there are instruments to be known.

Olga Slizovskaia, Leo Kim, Gloria Haro, Emilia Gómez: "End-to-End Sound Source Separation
Conditioned on Instrument Labels", ICASSP 2019, after its authors' code (Veleslavia/vimss, branch
conditioning-urmp).

- Every label scales a copy of the bottleneck's channels (an outer product): 312 channels of 13
  instruments become 4,056. Instruments that do not play leave zeros there.
- The code tiles labels such that those of a batch get mixed up unless all are equal; here each
  example has its own.
- 'add' and 'concatenate', a bias and further channels in the same place, are the other two ways
  that the authors list and do not report.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.initializers import GLOROT
from zoo.layers.wave_unet_scales import WaveUNetScales


class ConditionedWaveUNet(WaveUNetScales):
    """Wave-U-Net, mixture [B T C] and labels [B S] -> sources [B T' S C]; fields as `WaveUNet`.

    labels: 1 for every source that plays somewhere in the piece, 0 for the others.
    """

    conditioning: Literal["multiply", "add", "concatenate"] = "multiply"

    @nn.compact
    def __call__(
        self, x: jax.Array, labels: jax.Array | None = None, *, train: bool = False
    ) -> jax.Array:
        if labels is None or labels.shape != (len(x), self.sources):
            given = "none" if labels is None else f"{labels.shape}"
            raise BadInput(f"this Wave-U-Net takes labels [B {self.sources}] beside audio: {given}")
        return self.separated(x, partial(self._conditioned, labels), train)

    def _conditioned(self, labels: jax.Array, x: jax.Array) -> jax.Array:
        """Bottleneck [B F D] and labels [B S] -> [B F D S], [B F D] or [B F D+S] by the way."""
        marks = labels.astype(x.dtype)[:, None]
        if self.conditioning == "multiply":
            return (x[..., None] * marks[:, :, None]).reshape(*x.shape[:2], -1)
        if self.conditioning == "add":
            bias = nn.Dense(x.shape[-1], kernel_init=GLOROT, dtype=self.dtype, name="labels")
            return x + bias(marks)
        around = (*x.shape[:2], self.sources)
        return jnp.concatenate([x, jnp.broadcast_to(marks, around)], -1)
