"""Short-chunk CNN: seven 3 x 3 blocks over 3.7 s of log-mel spectrogram, plain or residual.

Minz Won, Andres Ferraro, Dmitry Bogdanov, Xavier Serra: "Evaluation of CNN-based automatic music
tagging models", SMC 2020; rows short-chunk CNN (3,687,348 parameters) and short-chunk CNN + Res
(12,104,244) of its table, as the authors' public code has them.

Deviations and guesses:
- The output is logits; the largest over time is taken over as many frames as the input gives, so
  longer inputs give one set of tags.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.norm import BatchNorm
from zoo.layers.pool import largest
from zoo.layers.spectrogram_blocks import ConvBlock, DenseTop, Residual
from zoo.signal.mel import WON, MelSpec
from zoo.signal.patches import log_mel_image


class ShortChunk(nn.Module):
    """Tags of 3.7 s of music, [B T 1] at 16 kHz -> logits [B K]; T = 32,512 or longer.

    width: channels of the first two blocks; twice as many in the next four, four times in the last.
    Apply with mutable=['intermediates'] to see 'features_1' to 'features_7', [B F N C].
    """

    labels: int = 50
    width: int = 128
    residual: bool = False
    spec: MelSpec = WON
    samples: int = 59_049
    dropout: float = 0.5
    dtype: Any = jnp.float32

    receptive_field = math.inf  # the largest over all frames

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        widths = [self.width * factor for factor in (1, 1, 2, 2, 2, 2, 4)]
        least = 1 if self.residual else (2 ** len(widths) - 1) * self.spec.hop
        x = log_mel_image(x, self.spec, least)
        x = BatchNorm(dtype=self.dtype, name="norm")(x, train=train)
        kind = Residual if self.residual else ConvBlock
        for i, features in enumerate(widths, 1):
            x = kind(features, dtype=self.dtype, name=f"block_{i}")(x, train=train)
            self.sow("intermediates", f"features_{i}", x)
        x = largest(x.reshape(x.shape[0], -1, widths[-1]), 1)
        return DenseTop(self.labels, widths[-1], self.dropout, self.dtype, name="top")(
            x, train=train
        )
