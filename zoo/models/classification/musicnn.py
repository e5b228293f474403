"""musicnn: tags from log-mel patches, by filters shaped like timbres and like rhythms.

Jordi Pons, Xavier Serra: "musicnn: Pre-trained Convolutional Neural Networks for Music Audio
Tagging", ISMIR 2019 late-breaking; the published library's network, which its weights fit. Weights
start as in the graphs that were trained, which are published beside them.

Deviations and guesses:
- The library cuts patches out of the spectrogram of a whole song. Here a segment of audio is a
  patch, so that its first frame sees the segment's reflection instead of 16 ms of what came before.
- Residual connections of the mid-end are added after batch norm, as in the library; its training
  code adds them before.
- The output is logits; a longer input than 187 frames gives one set of tags for all of it.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv import Conv
from zoo.layers.initializers import contrib
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import largest
from zoo.signal.mel import MUSICNN
from zoo.signal.patches import bands, log_mel_patch


class Block(nn.Module):
    """Convolution over time, ReLU and batch norm, [B F C] -> [B F features]."""

    features: int
    kernel_size: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        kind = dict(**contrib(self.kernel_size * x.shape[-1]), dtype=self.dtype)
        x = nn.relu(Conv(self.features, self.kernel_size, **kind, name="conv")(x))
        return BatchNorm(0.99, 1e-3, dtype=self.dtype, name="norm")(x, train=train)


class Branch(nn.Module):
    """Filters of `taps` frames by `height` bins, largest over all bands, [B F M] -> [B F features].

    Every band of `height` bins is the channels of a convolution over time: the same sums as one in
    two dimensions, which XLA's CPU back end differentiates ten times slower.
    """

    features: int
    taps: int
    height: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = bands(x, self.height)
        batch, places, frames, height = x.shape
        x = x.reshape(batch * places, frames, height)
        x = Block(self.features, self.taps, dtype=self.dtype, name="block")(x, train=train)
        return largest(x.reshape(batch, places, frames, self.features), 1)


class Musicnn(nn.Module):
    """Tags of 3 s of music, [B T 1] at 16 kHz -> logits [B K]; T = 47,872 or longer.

    Apply with mutable=['intermediates'] to see 'timbral', 'temporal' and 'cnn_1' to 'cnn_3', all
    [B F C], and 'penultimate' [B D].
    """

    labels: int = 50
    timbral: int = 204  # filters of 7 frames, for each of two heights
    heights: tuple[int, ...] = (38, 67)  # 0.4 and 0.7 of the 96 bins
    temporal: int = 51  # filters of one bin, for each of three lengths
    lengths: tuple[int, ...] = (128, 64, 32)  # frames
    middle: int = 64  # channels of the mid-end; 512 in the library's big model
    hidden: int = 200  # 500 in the big model
    dropout: float = 0.5
    frames: int = 187
    dtype: Any = jnp.float32

    @property
    def samples(self) -> int:
        """Input length T of one patch."""
        return self.frames * MUSICNN.hop

    @property
    def receptive_field(self) -> int:
        """All of a patch."""
        return self.samples

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        return self.tags(log_mel_patch(x, MUSICNN, self.frames), train=train)

    @nn.compact
    def tags(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """The network behind the spectrogram, log mel [B F M] -> logits [B K]."""
        kind = dict(dtype=self.dtype)
        x = BatchNorm(0.99, 1e-3, **kind, name="norm")(x[..., None], train=train)[..., 0]
        timbral = [
            Branch(self.timbral, 7, height, **kind, name=f"timbral_{i + 1}")(x, train=train)
            for i, height in enumerate(self.heights)
        ]
        temporal = [
            Branch(self.temporal, length, 1, **kind, name=f"temporal_{i + 1}")(x, train=train)
            for i, length in enumerate(self.lengths)
        ]
        self.sow("intermediates", "timbral", jnp.concatenate(timbral, -1))
        self.sow("intermediates", "temporal", jnp.concatenate(temporal, -1))
        features = [jnp.concatenate([*timbral, *temporal], -1)]
        for i in range(3):
            y = Block(self.middle, 7, **kind, name=f"middle_{i + 1}")(features[-1], train=train)
            features.append(y + features[-1] if i else y)
            self.sow("intermediates", f"cnn_{i + 1}", features[-1])
        return self._pooled(jnp.concatenate(features, -1), train)

    def _pooled(self, x: jax.Array, train: bool) -> jax.Array:
        """Largest and mean over time [B F C], side by side channel by channel -> logits [B K]."""
        x = jnp.stack([largest(x, 1), x.mean(1)], -1).reshape(x.shape[0], -1)
        x = BatchNorm(0.99, 1e-3, dtype=self.dtype, name="norm_pooled")(x, train=train)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        starts = contrib(x.shape[-1])
        x = nn.relu(nn.Dense(self.hidden, **starts, dtype=self.dtype, name="hidden")(x))
        x = BatchNorm(0.99, 1e-3, dtype=self.dtype, name="norm_hidden")(x, train=train)
        self.sow("intermediates", "penultimate", x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.Dense(self.labels, **contrib(self.hidden), dtype=self.dtype, name="top")(x)
        return x.astype(jnp.float32)
