"""GAN-TTS: audio from features and noise in one pass, with discriminators of random windows.

Mikolaj Binkowski, Jeff Donahue, Sander Dieleman et al.: "High Fidelity Speech Synthesis with
Adversarial Networks", ICLR 2020, section 4 and the tables of its appendix. 24 kHz, 200 frames a
second. No code of the authors is public; widths and factors of the discriminators are those of a
public port (yanggeng1995/GAN-TTS). Orthogonal kernels under spectral norm in both players.

Deviations and guesses:
- Features are log mel spectrograms where the paper has 567 linguistic ones and log f0.
- Upsampling repeats samples, as in BigGAN, from which the blocks come; the port has transposed
  convolutions. A shortcut has a 1 x 1 only where the width changes, as the text says.
- Conditional batch norm scales by 1 + a linear map of the noise (BigGAN), where the port starts
  scales and shifts alike at one.
- A discriminator ends in ReLU, mean over time and a linear layer (BigGAN); the port has none.
- Every example has a window of its own; neighbouring samples become the channels of a window, where
  the port stacks far parts of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.initializers import ORTHOGONAL
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import avg_pool
from zoo.layers.receptive_field import Step, input_interval, same_padded
from zoo.layers.spectral_norm import SpectralNorm
from zoo.layers.upsample import repeat_samples
from zoo.signal.precision import HIGHEST

_DILATIONS = (1, 2, 4, 8)
_FIRST = 64  # width of a discriminator's first block


def _normed(layer: nn.Module) -> SpectralNorm:
    """A layer under spectral norm; its kernel is orthogonal at first, of singular values one."""
    return SpectralNorm(layer, first=0, name=f"{layer.name}_norm")


def _conv(features: int, taps: int, name: str, dilation: int = 1, **how: Any) -> SpectralNorm:
    """A convolution [B T C] -> [B T features] under spectral norm."""
    how |= dict(dilation=dilation, kernel_init=ORTHOGONAL, name=name)
    return _normed(Conv(features, taps, **how))


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose scale and shift are linear in the noise, [B T C], [B L] -> [B T C]."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, z: jax.Array, *, train: bool = False) -> jax.Array:
        plain = BatchNorm(0.99, use_scale=False, use_bias=False, dtype=self.dtype, name="norm")
        how = dict(kernel_init=ORTHOGONAL, dtype=self.dtype, name="noise")
        noise = _normed(nn.Dense(2 * x.shape[-1], **how))(z, update=train)
        scale, shift = jnp.split(noise[:, None], 2, -1)
        return plain(x, train=train) * (1 + scale) + shift


class GBlock(nn.Module):
    """Two residual pairs of dilated convolutions, the first upsamples, [B T C] -> [B fT width]."""

    width: int
    factor: int = 1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, z: jax.Array, *, train: bool = False) -> jax.Array:
        how = dict(dtype=self.dtype)

        def layer(y: jax.Array, number: int, factor: int = 1) -> jax.Array:
            y = ConditionalBatchNorm(**how, name=f"norm_{number}")(y, z, train=train)
            y = repeat_samples(nn.relu(y), factor) if factor > 1 else nn.relu(y)
            biased = number % 2 == 0  # before a batch norm a bias changes nothing
            sizes = self.width, 3, f"conv_{number}", _DILATIONS[number - 1]
            return _conv(*sizes, use_bias=biased, **how)(y, update=train)

        y = layer(layer(x, 1, self.factor), 2)
        x = repeat_samples(x, self.factor) if self.factor > 1 else x
        if x.shape[-1] != self.width:
            x = _conv(self.width, 1, "shortcut", **how)(x, update=train)
        y = x + y
        return y + layer(layer(y, 3), 4)


class Generator(nn.Module):
    """Frames [B F M] and noise [B L] -> audio [B hop F 1] within [-1, 1].

    gain: of the last convolution, ahead of tanh. Spectral norm holds the kernel's length at one, by
    which sound begins near full scale; a gain below one lets it begin near the level of music.
    """

    bins: int = 80
    latent: int = 128
    widths: tuple[int, ...] = (768, 768, 384, 384, 384, 192, 96)
    upsampling: tuple[int, ...] = (1, 1, 2, 2, 2, 3, 5)
    gain: float = 1.0
    dtype: Any = jnp.float32

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return math.prod(self.upsampling)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The layers between frames and samples."""
        blocks = [
            [*([Step(f, f, up=True)] if f > 1 else []), *(same_padded(3, d) for d in _DILATIONS)]
            for f in self.upsampling
        ]
        return (same_padded(3), *chain(*blocks), same_padded(3))

    @property
    def reach(self) -> int:
        """Frames on either side that a frame's samples depend on."""
        first, last = input_interval(self.steps, 0, self.hop - 1)
        return max(-first, last)

    @nn.compact
    def __call__(self, frames: jax.Array, z: jax.Array, *, train: bool = False) -> jax.Array:
        if frames.ndim != 3 or frames.shape[-1] != self.bins:
            raise BadInput(f"this generator takes frames [B F {self.bins}], not {frames.shape}")
        if len(self.widths) != len(self.upsampling):
            raise BadInput("give as many `widths` as factors of `upsampling`, one a block")
        how = dict(dtype=self.dtype)
        x = _conv(self.widths[0], 3, "first", **how)(frames, update=train)
        for i, (width, factor) in enumerate(zip(self.widths, self.upsampling), 1):
            x = GBlock(width, factor, **how, name=f"block_{i}")(x, z, train=train)
        # In float32: the rounding of bfloat16 is a hiss.
        last = _conv(1, 3, "last", precision=HIGHEST)
        return jnp.tanh(self.gain * last(nn.relu(x), update=train))


class DBlock(nn.Module):
    """Two convolutions behind a mean over `factor` samples, [B T C] -> [B T/factor width].

    Given frames [B T/factor M], their 1 x 1 convolution joins behind the first.
    """

    width: int
    factor: int = 1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, frames: jax.Array | None = None, *, train: bool = False
    ) -> jax.Array:
        how = dict(dtype=self.dtype)
        down = avg_pool(x, self.factor) if self.factor > 1 else x
        y = _conv(self.width, 3, "conv_1", **how)(nn.relu(down), update=train)
        if frames is not None:
            y += _conv(self.width, 1, "frames", **how)(frames, update=train)
        y = _conv(self.width, 3, "conv_2", 2, **how)(nn.relu(y), update=train)
        return y + _conv(self.width, 1, "shortcut", **how)(down, update=train)


@dataclass(frozen=True)
class _Window:
    """A discriminator's window: 2 `fold` frames, of which `fold` samples each become channels.

    factors: of its blocks that take a mean; of a conditional one their product is hop / fold.
    """

    fold: int
    factors: tuple[int, ...]
    conditional: bool = False

    @property
    def name(self) -> str:
        return f"{'conditional' if self.conditional else 'free'}_{self.fold}"

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of its blocks but the first, and of those that follow."""
        if not self.conditional:
            return 128, 256
        before = {5: (128, 128, 256, 256), 4: (128, 256, 256), 3: (128, 256), 2: (256,)}
        return (*before[len(self.factors)], 512)


# Factors of the conditional discriminators, by hop and fold; the others have two.
FACTORS: dict[int, dict[int, tuple[int, ...]]] = {
    120: {1: (5, 3, 2, 2, 2), 2: (5, 3, 2, 2), 4: (5, 3, 2), 8: (5, 3), 15: (2, 2, 2)},
    128: {1: (4, 4, 2, 2, 2), 2: (4, 4, 2, 2), 4: (4, 4, 2), 8: (4, 4), 16: (2, 2, 2)},
}


def discriminator_windows(hop: int, folds: Sequence[int]) -> tuple[_Window, ...]:
    """An unconditional and a conditional window for every fold of the table of `hop`."""
    known = FACTORS[hop]
    wrong = [fold for fold in folds if fold not in known]
    if wrong:
        choice = ", ".join(map(str, known))
        raise BadInput(f"folds: no window of {wrong[0]} samples a channel; choose of {choice}")
    free = (_Window(fold, known[fold][:2]) for fold in folds)
    return (*free, *(_Window(fold, known[fold], True) for fold in folds))


class WindowDiscriminator(nn.Module):
    """The discriminator of one window, [B T/fold fold] (and frames) -> score [B]."""

    window: _Window
    narrower: int = 1
    ends: int = 2
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, frames: jax.Array | None = None, *, train: bool = False
    ) -> jax.Array:
        how = dict(dtype=self.dtype)
        x = DBlock(_FIRST // self.narrower, **how, name="block_0")(x, train=train)
        sizes = list(zip(self.window.widths, self.window.factors, strict=True))
        for i, (width, factor) in enumerate(sizes, 1):
            given = frames if i == len(sizes) else None
            block = DBlock(width // self.narrower, factor, **how, name=f"block_{i}")
            x = block(x, given, train=train)
        for i in range(1, self.ends + 1):
            x = DBlock(x.shape[-1], **how, name=f"end_{i}")(x, train=train)
        score = _normed(nn.Dense(1, kernel_init=ORTHOGONAL, precision=HIGHEST, name="score"))
        return score(nn.relu(x).mean(1).astype(jnp.float32), update=train)[:, 0]


class Discriminator(nn.Module):
    """Audio [B hop F 1] and its frames [B F M] -> a score [B] for each of two windows a fold.

    Needs the random key 'window'. narrower: divides the paper's widths. ends: blocks behind the
    last mean.
    """

    hop: int = 120
    folds: tuple[int, ...] = (1, 2, 4, 8, 15)
    narrower: int = 1
    ends: int = 2
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, frames: jax.Array, *, train: bool = False
    ) -> tuple[jax.Array, ...]:
        longest = 2 * max(self.folds)
        if frames.shape[1] < longest:
            raise BadInput(
                f"{frames.shape[1]} frames are shorter than the longest window: give examples of "
                f"{longest * self.hop:,} samples or more"
            )
        scores = []
        for window in discriminator_windows(self.hop, self.folds):
            sizes = self.narrower, self.ends, self.dtype
            one = WindowDiscriminator(window, *sizes, name=window.name)
            piece, given = self._cut(x, frames, window)
            scores.append(one(piece, given, train=train))
        return tuple(scores)

    def _cut(
        self, x: jax.Array, frames: jax.Array, window: _Window
    ) -> tuple[jax.Array, jax.Array | None]:
        """A window of each example, folded, and its frames if they are asked for."""
        size, step = 2 * window.fold, self.hop if window.conditional else 1
        places = (frames.shape[1] - size) * self.hop // step + 1
        start = jax.random.randint(self.make_rng("window"), (len(x),), 0, places)
        piece = _pieces(x, start * step, size * self.hop)
        piece = piece.reshape(len(x), -1, window.fold)
        return piece, _pieces(frames, start, size) if window.conditional else None


def _pieces(x: jax.Array, start: jax.Array, size: int) -> jax.Array:
    """`size` samples of every example from its `start` [B] on, [B T C] -> [B size C]."""
    return jax.vmap(lambda one, first: jax.lax.dynamic_slice_in_dim(one, first, size))(x, start)
