"""A net that finds the noise in windows of audio, given how much there is.

Song, Ermon 2019 (arXiv 1907.05600) and Song et al. 2021 (arXiv 2011.13456) have RefineNets and
U-Nets on images; on audio such nets are gated residual stacks as DiffWave's (Kong et al. 2021,
arXiv 2009.09761). This is one of these at an eighth of the rate: frames of `patch` samples, dilated
convolutions to both sides, and the logarithm of the noise's deviation as sines, added in every
layer. The last map begins at zero.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.gated import gated_tanh
from zoo.signal.precision import HIGHEST

TURNS = 2.0 ** np.arange(-2, 4)  # radians per e-fold of the deviation


class ScoreNet(nn.Module):
    """(Noisy audio [B T 1] of power near one, deviations of its noise [B]) -> [B T 1].

    What comes out is minus the noise in units of its deviation: the score times that. Dilations are
    1, 2, 4, 8 in turns.
    """

    patch: int = 8
    width: int = 64
    layers: int = 8
    dtype: Any = jnp.float32

    zero_gradient_at_init = ("enter", "level", "dilated", "mixed", "hidden")  # the end is zero

    @property
    def receptive_field(self) -> int:
        """Samples of which one is made."""
        reach = 3 + sum(2 ** (i % 4) for i in range(self.layers))
        return self.patch * (2 * reach + 1)

    @nn.compact
    def __call__(self, x: jax.Array, deviation: jax.Array, *, train: bool = False) -> jax.Array:
        if x.shape[-1] != 1 or x.shape[1] % self.patch:
            raise BadInput(f"audio {x.shape}: give mono of a multiple of {self.patch} samples")
        angle = jnp.log(deviation)[:, None] * TURNS
        level = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], -1).astype(self.dtype)
        level = nn.swish(nn.Dense(self.width, dtype=self.dtype, name="level")(level))
        frames = x.reshape(len(x), -1, self.patch)
        h, skips = Conv(self.width, 3, dtype=self.dtype, name="enter")(frames), []
        for i in range(self.layers):
            moved = nn.Dense(self.width, dtype=self.dtype, name=f"level_{i}")(level)
            dilated = Conv(
                2 * self.width, 3, dilation=2 ** (i % 4), dtype=self.dtype, name=f"dilated_{i}"
            )
            mixed = Conv(2 * self.width, 1, dtype=self.dtype, name=f"mixed_{i}")
            added, skip = jnp.split(mixed(gated_tanh(dilated(h + moved[:, None]))), 2, -1)
            h = (h + added) * 0.5**0.5
            skips.append(skip)
        total = reduce(jnp.add, skips) * len(skips) ** -0.5
        hidden = nn.relu(Conv(self.width, 3, dtype=self.dtype, name="hidden")(total))
        zero = nn.initializers.zeros
        end = Conv(self.patch, 3, kernel_init=zero, precision=HIGHEST, name="end")
        return end(hidden.astype(jnp.float32)).reshape(x.shape)
