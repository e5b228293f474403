"""Tagging at scale: a front end for samples or for spectrograms, and one back end for both.

Jordi Pons, Oriol Nieto, Matthew Prockup, Erik Schmidt, Andreas Ehmann, Xavier Serra: "End-to-end
learning for music audio tagging at scale", ISMIR 2018, in the sizes of the authors' public code
(spectrogram front end of 16, back end of 500).

Deviations and guesses:
- Sample rate, spectrogram and length of the input are nowhere said: 16 kHz, the log mel of the
  first author's musicnn, and its 3 s. Any length from there on goes.
- The output is logits.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.initializers import contrib
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import max_pool
from zoo.layers.shaped_filters import Activated, ShapedFilters
from zoo.layers.tagging_back_end import TaggingBackEnd
from zoo.signal.mel import MUSICNN, MelSpec
from zoo.signal.patches import log_mel_patch


class WaveformFront(nn.Module):
    """Seven filters of three samples, a pool of three behind all but the first, [B T 1] -> [B F C].

    Nothing is padded; ReLU stands before batch norm.
    """

    widths: tuple[int, ...] = (64, 64, 64, 128, 128, 128, 256)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        first = Conv(
            self.widths[0], 3, 3, padding="valid", **contrib(3), dtype=self.dtype, name="stem"
        )
        x = nn.relu(first(x))
        x = BatchNorm(0.99, 1e-3, dtype=self.dtype, name="norm")(x, train=train)
        for i, features in enumerate(self.widths[1:], 1):
            block = Activated(features, 3, "valid", dtype=self.dtype, name=f"block_{i}")
            x = max_pool(block(x, train=train), 3)
        return x


class SpectrogramFront(nn.Module):
    """Timbral and temporal filters over log mel, [B T 1] -> [B F 29 width], F = T // 256."""

    width: int = 16
    lengths: tuple[int, ...] = (165, 128, 64, 32)
    spec: MelSpec = MUSICNN
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = log_mel_patch(x, self.spec)
        return ShapedFilters(self.width, self.lengths, dtype=self.dtype, name="filters")(
            x, train=train
        )


class AtScale(nn.Module):
    """Tags of 3 s of music or more, [B T 1] at 16 kHz -> logits [B K].

    front: [B T 1] -> [B F C]. Apply with mutable=['intermediates'] to see 'frames' [B F C], and of
    'back_end' what it sows.
    """

    labels: int = 50
    front: nn.Module = SpectrogramFront()
    width: int = 512
    hidden: int = 500
    dropout: float = 0.5
    samples: int = 47_872
    dtype: Any = jnp.float32

    receptive_field = math.inf  # largest and mean over all frames

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = self.front(x, train=train)
        if x.shape[1] < 8:
            raise BadInput(f"{x.shape[1]} frames behind the front end, of 8 at least: longer audio")
        self.sow("intermediates", "frames", x)
        return TaggingBackEnd(
            self.labels, self.width, self.hidden, self.dropout, self.dtype, name="back_end"
        )(x, train=train)
