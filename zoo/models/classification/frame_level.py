"""Frame-level tagger: filters learnt on frames of the waveform, beside a mel spectrogram's.

Sander Dieleman, Benjamin Schrauwen: "End-to-end learning for music audio", ICASSP 2014; the raw and
the spectrogram column of its table of window lengths and strides.

Deviations and guesses:
- Layers and widths are those of three reimplementations; what is not theirs is from memory of the
  paper: 10,000 in the compression, the logarithm and the feature pooling of the raw front end. That
  it is applied to power, Slaney's mel scale, and how many filters are pooled are guesses.
- Convolutions are not padded and partial pools are dropped, as in the reimplementation whose size
  is published; at 1024/1024 the last pool finds two frames and takes both.
- The waveform is divided by its usual level, or training starts slowly; `norm` adds the batch norm
  of later reimplementations. The output is logits.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.initializers import HE
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import largest, max_pool
from zoo.layers.receptive_field import Step, input_interval
from zoo.signal.framing import frame_count
from zoo.signal.mel import MelSpec, log_mel

# The paper's window lengths and strides in samples, at 16 kHz.
_PAIRS = ((1024, 1024), (1024, 512), (512, 512), (512, 256), (256, 256))
_RATE = 16_000
INPUTS = ("raw", "spectrogram")
RESPONSES = ("relu", "log")
_POOLS = ("max", "l2")


def compress(x: jax.Array) -> jax.Array:
    """ln(1 + 10000 x) of power, [...] -> [...]."""
    return jnp.log1p(10_000.0 * x)


def mel_spec(window: int, hop: int, bins: int = 128) -> MelSpec:
    """The spectrogram whose frames lie where the filters of the raw front end do.

    Of 128 bins in windows of 256 samples, the 13 that hold no frequency stay silent.
    """
    return MelSpec(_RATE, window, hop, bins, compress, centre=False)


class LearntFrames(nn.Module):
    """Strided filters in place of a spectrogram, [B T 1] -> [B F M], F = 1 + (T - window) // hop.

    response: 'relu', or 'log' for ln(1 + 10000 x^2), what a compressed spectrogram does. group: so
    many neighbouring filters make one output, by their maximum or their root of squares ('l2').
    """

    window: int
    hop: int
    filters: int = 128
    response: str = "relu"
    group: int = 1
    grouping: str = "max"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        wanted = self.filters * self.group
        # Small beside He's start: filters of hundreds of taps would keep its noise for long.
        kind = dict(padding="valid", kernel_init=nn.initializers.normal(0.01), dtype=self.dtype)
        x = Conv(wanted, self.window, self.hop, **kind, name="filters")(x)
        x = nn.relu(x) if self.response == "relu" else compress(jnp.square(x))
        if self.group == 1:
            return x
        x = x.reshape(*x.shape[:2], self.filters, self.group)
        if self.grouping == "max":
            return largest(x, -1)
        # A root has no gradient at zero, where ReLU leaves whole groups.
        return jnp.sqrt(jnp.square(x).sum(-1) + 1e-12)


class ConvLevel(nn.Module):
    """Convolution over time, ReLU and max-pool, [B F C] -> [B (F - taps + 1)//pool features].

    Sows its output as 'output', for the interpretability tools.
    """

    features: int
    taps: int
    pool: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kind = dict(padding="valid", kernel_init=HE, dtype=self.dtype)
        x = nn.relu(Conv(self.features, self.taps, **kind, name="conv")(x))
        x = max_pool(x, min(self.pool, x.shape[1]))
        self.sow("intermediates", "output", x)
        return x


class FrameLevel(nn.Module):
    """Tags of 3 s of music, [B T 1] at 16 kHz -> logits [B K]; T = 48,000.

    Apply with mutable=['intermediates'] to see 'frames' [B F M] and what level_1 and level_2 put
    out, [B F C].
    """

    window: int = 256
    hop: int = 256
    input: str = "raw"  # or 'spectrogram'
    filters: int = 128  # learnt ones, or mel bins
    response: str = "relu"  # of the raw front end, with group and grouping: see LearntFrames
    group: int = 1
    grouping: str = "max"
    features: int = 32  # of both convolutions
    taps: int = 8
    pool: int = 4
    hidden: int = 100
    labels: int = 50
    samples: int = 48_000
    level: float = 0.1563  # standard deviation of the waveforms of MagnaTagATune
    norm: bool = False  # batch norm of the frames
    dtype: Any = jnp.float32

    @property
    def frames(self) -> int:
        """Frames F that the front end gives."""
        return frame_count(self.samples, self.window, self.hop)

    @property
    def receptive_field(self) -> int:
        """All of its input but the last frames, where they fill no pool."""
        frames, steps = self.frames, [Step(self.window, self.hop)]
        for _ in (1, 2):
            pool = min(self.pool, frames - self.taps + 1)
            frames = (frames - self.taps + 1) // pool
            steps += [Step(self.taps), Step(pool, pool)]
        first, last = input_interval(steps, 0, frames - 1)
        return last - first + 1

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        self._check(x)
        x = self._frames(x)
        self.sow("intermediates", "frames", x)
        if self.norm:
            x = BatchNorm(0.99, 1e-3, dtype=self.dtype, name="norm")(x, train=train)
        for i in (1, 2):
            x = ConvLevel(self.features, self.taps, self.pool, self.dtype, name=f"level_{i}")(x)
        dense = partial(nn.Dense, kernel_init=HE, dtype=self.dtype)
        x = nn.relu(dense(self.hidden, name="hidden")(x.reshape(x.shape[0], -1)))
        return dense(self.labels, name="top")(x).astype(jnp.float32)

    def _frames(self, x: jax.Array) -> jax.Array:
        if self.input == "spectrogram":
            return log_mel(x, mel_spec(self.window, self.hop, self.filters))[..., 0]
        front = LearntFrames(
            self.window,
            self.hop,
            self.filters,
            self.response,
            self.group,
            self.grouping,
            self.dtype,
            name="front",
        )
        return front(x / self.level)

    def _check(self, x: jax.Array) -> None:
        for field, known in (("input", INPUTS), ("response", RESPONSES), ("grouping", _POOLS)):
            if getattr(self, field) not in known:
                raise BadInput(f"{field}={getattr(self, field)}: choose {' or '.join(known)}")
        if x.ndim != 3 or x.shape[1:] != (self.samples, 1):
            raise BadInput(f"this network takes [B {self.samples:,} 1], not {x.shape}")
        if (self.frames - self.taps + 1) // self.pool < self.taps:
            least = self.window + self.hop * (self.taps - 1 + self.taps * self.pool - 1)
            raise BadInput(f"{self.samples:,} samples are too few frames; give {least:,} or more")
