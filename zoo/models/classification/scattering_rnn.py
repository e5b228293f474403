"""Scattering coefficients under a deep recurrent net: five GRU layers over designed frames.

Guangxiao Song, Zhijie Wang, Fang Han, Shenyi Ding, Muhammad Ather Iqbal: "Music auto-tagging using
deep Recurrent Neural Networks", Neurocomputing 292, 2018: scattering coefficients of orders one and
two, five layers of gated recurrent units, sigmoids.

Deviations and guesses, as neither the paper's sizes nor its code are to be had:
- Wavelets as Anden and Mallat take them for music: eight and one to the octave, windows of a
  quarter of a second. Log coefficients are standardised over the batches of training.
- Segments of four seconds, whose scores are averaged. Layers of 256 units, torch's GRU and starts,
  no dropout. The last layer's state at the last frame gives the tags.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.initializers import torch, torch_recurrent
from zoo.layers.norm import BatchNorm
from zoo.layers.recurrent import GRU
from zoo.signal.scattering import Scattering, log_coefficients


class ScatteringRNN(nn.Module):
    """Tags of a segment, [B T 1] -> logits [B K]; T may be any length of a window or more.

    scattering: paths and frames of the front end. hidden: units of each of `layers` layers.
    Apply with mutable=['intermediates'] to see 'penultimate' [B D].
    """

    labels: int = 50
    scattering: Scattering = Scattering(11, (8, 1), 4096)
    samples: int = 65_536
    hidden: int = 256
    layers: int = 5
    dtype: Any = jnp.float32

    receptive_field = math.inf  # of the recurrent layers

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        levels = log_coefficients(x, self.scattering)
        norm = BatchNorm(use_scale=False, use_bias=False, dtype=self.dtype, name="standardise")
        y = norm(levels, train=train)
        for layer in range(1, self.layers + 1):
            start = torch_recurrent(self.hidden)
            y, _ = GRU(self.hidden, dtype=self.dtype, name=f"gru_{layer}", **start)(y)
        y = y[:, -1]
        self.sow("intermediates", "penultimate", y)
        y = nn.Dense(self.labels, **torch(self.hidden), dtype=self.dtype, name="top")(y)
        return y.astype(jnp.float32)
