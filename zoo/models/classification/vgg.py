"""VGG for music: tags from log-mel patches, by small square filters as in computer vision.

The baseline that Pons and Serra publish beside musicnn (ISMIR 2019 late-breaking), after Simonyan
and Zisserman 2015 and Choi et al. 2016; the published library's network, which its weights fit.

Deviations and guesses:
- As in `musicnn`, a segment of audio is a patch; here it has to be 187 frames long.
- The first pool drops every second mel bin unseen (window 1, stride 2), as the library's does.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.initializers import contrib
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import max_pool, max_pool_2d
from zoo.layers.receptive_field import Step, input_interval, same_padded
from zoo.signal.framing import frame_count
from zoo.signal.mel import MUSICNN
from zoo.signal.patches import log_mel_patch


class Block(nn.Module):
    """3 x 3 convolution, ReLU and batch norm, [B F M C] -> [B F M features]."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        starts = contrib(9 * x.shape[-1])
        conv = nn.Conv(self.features, (3, 3), **starts, dtype=self.dtype, name="conv")
        return BatchNorm(0.99, 1e-3, dtype=self.dtype, name="norm")(nn.relu(conv(x)), train=train)


class Vgg(nn.Module):
    """Tags of 3 s of music, [B T 1] at 16 kHz -> logits [B K]; T = 47,872.

    Apply with mutable=['intermediates'] to see 'pool_1' to 'pool_5', [B F M C].
    """

    labels: int = 50
    features: int = 128
    dropout: float = 0.5  # before the last layer; half of it between the blocks
    frames: int = 187
    dtype: Any = jnp.float32

    @property
    def samples(self) -> int:
        """Input length T."""
        return self.frames * MUSICNN.hop

    @property
    def receptive_field(self) -> int:
        """Its input up to the last frames, which fill no pool."""
        pools = (Step(4, 2), *(Step(2, 2),) * 3, Step(4, 4))
        frames, steps = self.frames, []
        for pool in pools:
            frames = frame_count(frames, pool.taps, pool.stride)
            steps += [same_padded(3), pool]
        _, last = input_interval(steps, 0, frames - 1)
        return min(last * MUSICNN.hop + MUSICNN.n_fft // 2, self.samples)

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        return self.tags(log_mel_patch(x, MUSICNN, self.frames), train=train)

    @nn.compact
    def tags(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """The network behind the spectrogram, log mel [B F M] -> logits [B K]."""
        if x.shape[1] != self.frames:
            raise BadInput(f"this network takes {self.frames} frames, not {x.shape[1]}")
        x = BatchNorm(0.99, 1e-3, dtype=self.dtype, name="norm")(x[..., None], train=train)
        for i in range(5):
            x = Block(self.features, self.dtype, name=f"block_{i + 1}")(x, train=train)
            x = pool(x, i)
            self.sow("intermediates", f"pool_{i + 1}", x)
            rate = self.dropout if i == 4 else self.dropout / 2
            if i == 4:
                x = x.reshape(x.shape[0], -1)
            x = nn.Dropout(rate, deterministic=not train)(x)
        starts = contrib(x.shape[-1])
        x = nn.Dense(self.labels, **starts, dtype=self.dtype, name="top")(x)
        return x.astype(jnp.float32)


def pool(x: jax.Array, block: int) -> jax.Array:
    """Max-pool behind the block 0 to 4, [B F M C] -> [B F' M' C]; what fills no window is lost."""
    if block:
        return max_pool_2d(x, (4, 4) if block == 4 else (2, 2))
    x = x[:, :, ::2]
    batch, frames, bins, channels = x.shape
    y = max_pool(x.reshape(batch, frames, bins * channels), 4, 2)
    return y.reshape(batch, -1, bins, channels)
