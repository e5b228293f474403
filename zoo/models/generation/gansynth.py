"""GANSynth: notes of a given pitch from a random vector, as images of magnitude and phase.

Jesse Engel, Kumar Krishna Agrawal, Shuo Chen, Ishaan Gulrajani, Chris Donahue, Adam Roberts:
"GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019, table 1 and the appendix; details from
the authors' published code. Both networks grow from `start` by doublings (Karras et al. 2018): all
blocks exist from the beginning, `blocks` says how many are computed, `progress` how far the highest
has faded in (zoo/signal/pyramid.py). Images are [B F N 2]; `zoo.signal.phase_images` makes sound.

Choices: the dense layer that a padded convolution of one pixel is; scores and images in float32.
Three arguments are ours, for trainings of minutes. `tone`: the image of a steady tone of the pitch,
which every block reads at its resolution, the discriminator beside the image, and to which the
outputs, zero at first, are added. A convolution does not know where it is: the paper's generator
has to draw the harmonics of every pitch out of its one dense layer, which takes it millions of
images. `channels`: 1 is magnitudes alone, for phases from elsewhere. `patch`: the highest block
works on squares of so many frames and bins, whose pixels are its channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.layers.conv2d import convolve_2d
from zoo.signal.precision import HIGHEST
from zoo.signal.pyramid import bypass, enlarged, level_weight, patched, shrunk, unpatched

_UNIT = nn.initializers.normal(1.0)
RECTIFIED, _PLAIN = 2.0, 1.0  # He's gain before a rectifier, and where none follows
_SPREAD = 1e-6  # added to the variance over the batch


class Equalised(nn.Module):
    """Convolution [B F N C] -> [B F N features] whose unit-normal kernel is scaled as it runs.

    So that all layers learn at one pace. gain: the scale is sqrt(gain / fan in).
    """

    features: int
    kernel_size: int = 3
    gain: float = RECTIFIED
    kernel_init: Callable[..., Any] = _UNIT
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel, bias = _equalised(self, shape, self.gain, self.kernel_init)
        pads = (self.kernel_size // 2,) * 2
        precision = HIGHEST if self.dtype == jnp.float32 and self.gain == _PLAIN else None
        x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        return convolve_2d(x, kernel, pads=pads, precision=precision) + bias.astype(self.dtype)


class EqualisedDense(nn.Module):
    """[B ...] flattened to [B features], scaled as `Equalised`; `shape`: of the input, or output.

    The kernel is [F N C features]: that of a convolution as large as an image.
    """

    features: int
    shape: tuple[int, ...]
    gain: float = RECTIFIED
    spread: bool = False  # the image is the output: [B C] -> [B F N features]
    precision: Any = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel, bias = _equalised(self, (*self.shape, x.shape[-1], self.features), self.gain)
        x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        if self.spread:
            y = jnp.einsum("bc,fnco->bfno", x, kernel, precision=self.precision)
        else:
            flat = kernel.reshape(-1, self.features)
            y = jnp.matmul(x.reshape(len(x), -1), flat, precision=self.precision)
        return y + bias.astype(self.dtype)


def _equalised(
    module: nn.Module, shape: tuple[int, ...], gain: float, init: Callable[..., Any] = _UNIT
) -> tuple:
    """(kernel, bias) of a module: the kernel is drawn of unit variance and scaled here."""
    kernel = module.param("kernel", init, shape)
    bias = module.param("bias", nn.initializers.zeros, shape[-1:])
    return kernel * np.float32(np.sqrt(gain / np.prod(shape[:-1]))), bias


def widths(resolutions: int, base: int, widest: int) -> tuple[int, ...]:
    """Channels of blocks 0 (behind the last convolution), 1, ..., `resolutions`."""
    return tuple(max(1, min(base // 2**number, widest)) for number in range(resolutions + 1))


class Generator(nn.Module):
    """Latents [B L] and pitches [B P] (one of P) -> images [B F N C] within [-1, 1].

    tone: normalised images [B F N C] of steady tones of these pitches, which the output is near,
    within 1; None: near zero. channels: C; 1 is the magnitude alone. start: frames and bins of the
    first block, doubled by each further one. base, widest: block b has base / 2^b channels, at most
    `widest`. patch: sides of the squares that a pixel of the highest block stands for. progress:
    None is fully grown.
    """

    latent: int = 256
    pitches: int = 61
    start: tuple[int, int] = (2, 16)
    resolutions: int = 7
    base: int = 4096
    widest: int = 256
    kernel_size: int = 3
    patch: int = 1
    channels: int = 2
    dtype: Any = jnp.float32

    receptive_field = 0  # it depends on no input audio: sound comes from a random vector

    @property
    def size(self) -> tuple[int, int]:
        """Frames and bins of an image."""
        return tuple(side * self.patch * 2 ** (self.resolutions - 1) for side in self.start)

    @nn.compact
    def __call__(
        self,
        z: jax.Array,
        pitch: jax.Array,
        progress: jax.Array | float | None = None,
        *,
        tone: jax.Array | None = None,
        blocks: int | None = None,
        train: bool = False,
    ) -> jax.Array:
        if (z.shape[1:], pitch.shape[1:]) != ((self.latent,), (self.pitches,)):
            raise BadInput(
                f"this generator takes latents [B {self.latent}] and pitches [B {self.pitches}], "
                f"not {z.shape} and {pitch.shape}"
            )
        if blocks is not None and self.patch > 1:
            raise BadInput(
                f"networks of patch={self.patch} do not grow: give growth=None or patch=1"
            )
        top = blocks or self.resolutions
        progress = top - 1.0 if progress is None else progress
        channels = widths(self.resolutions, self.base, self.widest)
        x = _pixel_norm(jnp.concatenate([z, pitch], -1))
        guide = None if tone is None else patched(tone, self.patch)
        image = jnp.zeros(())
        for number in range(1, top + 1):
            name, width = f"block_{number}", channels[number]
            how = dict(dtype=self.dtype)
            factor = 2 ** (self.resolutions - number)
            if number == 1:
                begin = EqualisedDense(width, self.start, spread=True, name=f"{name}_begin", **how)
                x = _pixel_norm(nn.leaky_relu(begin(x), 0.2))
            else:
                first = Equalised(width, self.kernel_size, name=f"{name}_conv_0", **how)
                x = _pixel_norm(nn.leaky_relu(first(enlarged(x, 2)), 0.2))
            if guide is not None:
                x = jnp.concatenate([x, shrunk(guide, factor).astype(x.dtype)], -1)
            second = Equalised(width, self.kernel_size, name=f"{name}_conv_1", **how)
            x = _pixel_norm(nn.leaky_relu(second(x), 0.2))
            if blocks is None or number >= blocks - 1:  # of lower ones nothing is seen any more
                to_image = Equalised(
                    self.channels * self.patch**2,
                    1,
                    _PLAIN,
                    _UNIT if guide is None else nn.initializers.zeros,
                    name=f"{name}_to_image",
                )
                seen = jnp.tanh(to_image(x.astype(jnp.float32)))
                seen = seen if guide is None else seen + shrunk(guide, factor)
                image = image + level_weight(number, progress) * enlarged(seen, factor)
        return unpatched(image, self.patch)


class Discriminator(nn.Module):
    """Images [B F N C] -> (scores [B], logits of the pitch [B P]); mirrors `Generator`.

    tone: images [B F N C] of steady tones of the pitches that these should have, or None.
    """

    pitches: int = 61
    start: tuple[int, int] = (2, 16)
    resolutions: int = 7
    base: int = 4096
    widest: int = 256
    kernel_size: int = 3
    patch: int = 1
    channels: int = 2
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        progress: jax.Array | float | None = None,
        *,
        tone: jax.Array | None = None,
        blocks: int | None = None,
        train: bool = False,
    ) -> tuple[jax.Array, jax.Array]:
        size = tuple(side * self.patch * 2 ** (self.resolutions - 1) for side in self.start)
        if x.shape[1:] != (*size, self.channels):
            wanted = f"[B {size[0]} {size[1]} {self.channels}]"
            raise BadInput(f"this takes images {wanted}, not {x.shape}")
        x = patched(x if tone is None else jnp.concatenate([x, tone], -1), self.patch)
        top = blocks or self.resolutions
        progress = top - 1.0 if progress is None else progress
        channels = widths(self.resolutions, self.base, self.widest)

        def given(number: int) -> jax.Array:
            read = Equalised(
                channels[number], 1, dtype=self.dtype, name=f"block_{number}_from_image"
            )
            return nn.leaky_relu(read(shrunk(x, 2 ** (self.resolutions - number))), 0.2)

        y = given(top)
        for number in range(top, 1, -1):
            for place, width in enumerate((channels[number], channels[number - 1])):
                name = f"block_{number}_conv_{place}"
                conv = Equalised(width, self.kernel_size, dtype=self.dtype, name=name)
                y = nn.leaky_relu(conv(y), 0.2)
            y = shrunk(y, 2)
            if blocks is None or number == top:
                kept = bypass(number - 1, progress).astype(y.dtype)
                y = kept * given(number - 1) + (1 - kept) * y
        y = _with_spread(y)
        conv = Equalised(channels[1], self.kernel_size, dtype=self.dtype, name="block_1_conv_0")
        y = nn.leaky_relu(conv(y), 0.2)
        how = dict(dtype=self.dtype, name="block_1_end")
        y = nn.leaky_relu(EqualisedDense(channels[0], self.start, **how)(y), 0.2)
        y = y.astype(jnp.float32)
        how = dict(shape=(), gain=_PLAIN, precision=HIGHEST)
        score = EqualisedDense(1, name="score", **how)(y)[:, 0]
        return score, EqualisedDense(self.pitches, name="pitch", **how)(y)


def _pixel_norm(x: jax.Array) -> jax.Array:
    """[... C] -> [... C] of mean square one over the channels."""
    full = x.astype(jnp.float32)
    square = jnp.mean(jnp.square(full), -1, keepdims=True)
    return (full * jax.lax.rsqrt(square + 1e-8)).astype(x.dtype)


def _with_spread(x: jax.Array) -> jax.Array:
    """[B F N C] -> [B F N C+1]: the mean deviation over the batch, one number, as a channel."""
    deviation = jnp.sqrt(jnp.var(x.astype(jnp.float32), 0) + _SPREAD).mean()
    more = jnp.broadcast_to(deviation.astype(x.dtype), (*x.shape[:3], 1))
    return jnp.concatenate([x, more], -1)
