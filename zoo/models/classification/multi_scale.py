"""Multi-scale front end: short, middle and long filters on samples, joined at one frame rate.

Zhenyao Zhu, Jesse Engel, Awni Hannun: "Learning multiscale features directly from waveforms",
Interspeech 2016, arXiv:1603.09509: three convolutions of different windows and strides, max-pooled
to a common rate and concatenated. There it feeds a speech recogniser; here a tagging back end.

Deviations and guesses:
- Windows of 1, 4 and 40 ms are as remembered, not checked. Strides and widths are nowhere to be had
  and ours: a quarter of the window, one frame every 10 ms, and 32, 64 and 128 filters, more where
  there are more frequencies to tell apart.
- Batch norm and ReLU follow each convolution, starts are He's, and the back end is that of Pons et
  al. 2018: what taggers of its time have.
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
from zoo.layers.tagging_back_end import TaggingBackEnd


class MultiScaleFront(nn.Module):
    """One convolution for each window, pooled to a frame every `hop`, [B T 1] -> [B F C].

    F = T // hop: frame f is of what the windows that begin within its hop see; zeros are put around
    the input, half a window on each side.
    """

    windows: tuple[int, ...] = (16, 64, 640)  # samples
    strides: tuple[int, ...] = (4, 16, 160)
    filters: tuple[int, ...] = (32, 64, 128)
    hop: int = 160
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        frames = x.shape[1] // self.hop
        branches = []
        scales = zip(self.windows, self.strides, self.filters, strict=True)
        for i, (window, stride, features) in enumerate(scales, 1):
            if self.hop % stride or stride > window:
                raise BadInput(
                    f"stride {stride} of a window of {window}: use a divisor of the hop "
                    f"{self.hop}, at most the window"
                )
            spare = window - stride
            conv = Conv(
                features,
                window,
                stride,
                padding=(spare // 2, spare - spare // 2),
                **contrib(window),
                dtype=self.dtype,
                name=f"conv_{i}",
            )
            y = BatchNorm(dtype=self.dtype, name=f"norm_{i}")(conv(x), train=train)
            pool = self.hop // stride
            y = nn.relu(y)[:, : frames * pool]
            branches.append(max_pool(y, pool) if pool > 1 else y)
        return jnp.concatenate(branches, -1)


class MultiScale(nn.Module):
    """Tags of 3 s of music or more, [B T 1] at 16 kHz -> logits [B K].

    Apply with mutable=['intermediates'] to see 'frames' [B F C], and of 'back_end' what it sows.
    """

    labels: int = 50
    front: MultiScaleFront = MultiScaleFront()
    width: int = 512
    hidden: int = 500
    dropout: float = 0.5
    samples: int = 48_000
    dtype: Any = jnp.float32

    receptive_field = math.inf  # largest and mean over all frames

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.shape[1] < 8 * self.front.hop:
            raise BadInput(f"{x.shape[1]} samples: this model takes {8 * self.front.hop} or more")
        x = self.front(x, train=train)
        self.sow("intermediates", "frames", x)
        return TaggingBackEnd(
            self.labels, self.width, self.hidden, self.dropout, self.dtype, name="back_end"
        )(x, train=train)
