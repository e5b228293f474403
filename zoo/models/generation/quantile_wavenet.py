"""Implicit quantiles of the next sample, on WaveNet's trunk.

Ostrovski, Dabney, Munos 2018 (ICML), arXiv 1806.05575 (AIQN): a level between 0 and 1 goes in, the
amplitude that so much of the distribution lies below comes out, and one uniform number draws a
sample. Dabney et al. 2018, arXiv 1806.06923 (IQN): the level as 64 cosines, through a map and ReLU,
times the features.

Deviations and choices
- the paper has a gated PixelCNN whose every layer is given the level; here the head alone, so that
  a prediction depends on no level but its own, and drawing costs no more than WaveNet's;
- a hidden layer behind the product; the sample before is the input, as a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.distributions import Quantiles
from zoo.layers.queues import Carry
from zoo.signal.precision import HIGHEST

_COSINES = 64


class QuantileHead(nn.Module):
    """Features [... F], levels [... K] -> values at these quantiles [... K]."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: jax.Array, levels: jax.Array) -> jax.Array:
        width = features.shape[-1]
        waves = jnp.cos(np.pi * np.arange(_COSINES) * levels[..., None]).astype(self.dtype)
        level = nn.relu(nn.Dense(width, dtype=self.dtype, name="level")(waves))
        mixed = nn.Dense(width, dtype=self.dtype, name="mixed")(features[..., None, :] * level)
        value = nn.Dense(1, precision=HIGHEST, name="value")
        return value(nn.relu(mixed).astype(jnp.float32))[..., 0]


class QuantileWaveNet(nn.Module):
    """Audio [B T 1], levels [B T K] -> values at these quantiles of each sample [B T K].

    Of the samples before alone, as WaveNet's predictions are. trunk: a WaveNet of input='scalar'
    without condition, of which the features are taken.
    """

    trunk: Any  # a linen module
    dtype: Any = jnp.float32

    distribution = Quantiles()

    def setup(self) -> None:
        self.quantile = QuantileHead(self.dtype)

    @property
    def receptive_field(self) -> int:
        """Past samples that one prediction sees."""
        return self.trunk.receptive_field

    def __call__(self, audio: jax.Array, levels: jax.Array, *, train: bool = False) -> jax.Array:
        return self.quantile(self.trunk.features(audio), levels)

    # From here on, sampling: see zoo/sampling/autoregressive.py for who calls what.

    def initial(self, batch: int) -> Carry:
        return self.trunk.initial(batch)

    def prime(self, audio: jax.Array) -> Carry:
        """The carry after audio [B T 1]."""
        return self.trunk.prime(audio)

    def align(self, carry: Carry, other: Carry) -> Carry:
        return self.trunk.align(carry, other)

    def fold(self) -> dict[str, Any]:
        """The trunk's weights as its sampling wants them, and the head's."""
        return {"trunk": self.trunk.fold(), "quantile": self.variables["params"]["quantile"]}

    def frame(
        self,
        folded: dict[str, Any],
        carry: Carry,
        x: jax.Array,
        condition: None,
        noise: jax.Array,
        draw: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]],
    ) -> tuple[Carry, jax.Array, jax.Array]:
        """As WaveNet's; the noise of a sample [B 1] is the level of its quantile."""

        def drawn(features: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
            levels = jnp.concatenate([noise, jnp.full_like(noise, 0.5)], -1)
            head = QuantileHead(self.dtype, parent=None)
            raw: Any = head.apply({"params": folded["quantile"]}, features, levels)
            return draw(raw, noise)

        return self.trunk.frame(folded["trunk"], carry, x, condition, noise, drawn)
