"""Untrained generators of one clip: what a network fits first is what its structure prefers.

Dmitry Ulyanov, Andrea Vedaldi, Victor Lempitsky: "Deep Image Prior", CVPR 2018, for audio as
Michael Michelashvili, Lior Wolf: "Audio Denoising with Deep Network Priors", 2019 (a U-Net of
waveforms) and Zhoutong Zhang, Yunyun Wang, Chuang Gan et al.: "Deep Audio Priors Emerge From
Harmonic Convolutional Networks", ICLR 2020 (`SpectrogramPrior(harmonics=...)`). Each maps fixed
noise [B ... C] to audio [B T 1]; `noise_shape(samples)` is that of its input for one clip.

Deviations and guesses: all of it is small and remembered, to compare structures on a CPU, not the
authors' networks. Instance norm and leaky ReLUs throughout; a harmonic convolution reads the bins
1 to K times as high, without further anchors.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.layers.initializers import HE
from zoo.layers.pool import avg_pool
from zoo.layers.upsample import repeat_samples
from zoo.signal import stft
from zoo.signal.precision import HIGHEST

_HOP = 256  # of the spectrogram's frames, each of two hops
_SLOPE = 0.2  # of every leaky ReLU


def _bent(x: jax.Array) -> jax.Array:
    """Every channel of every example at mean zero and deviation one, then a leaky ReLU, [...]."""
    axes = tuple(range(1, x.ndim - 1))
    x = x - x.mean(axes, keepdims=True)
    return nn.leaky_relu(x * jax.lax.rsqrt(jnp.square(x).mean(axes, keepdims=True) + 1e-5), _SLOPE)


def _conv(module: nn.Module, x: jax.Array, taps: int, name: str, dilation: int = 1) -> jax.Array:
    """A convolution over time of [B T C] as one product of patches -> [B T width].

    Compilers run a convolution inside of a loop, as these fits are, many times slower on CPUs.
    """
    reach = (taps - 1) * dilation // 2
    padded = jnp.pad(x, ((0, 0), (reach, reach), (0, 0)))
    shifted = [padded[:, i * dilation :][:, : x.shape[1]] for i in range(taps)]
    layer = nn.Dense(module.width, kernel_init=HE, name=name)
    return layer(jnp.concatenate(shifted, -1))


def _conv_2d(module: nn.Module, x: jax.Array, name: str) -> jax.Array:
    """A 3 x 3 convolution of [B F N C] as one product of patches -> [B F N width]."""
    frames, bins = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i:, j:][:, :frames, :bins] for i in range(3) for j in range(3)]
    layer = nn.Dense(module.width, kernel_init=HE, name=name)
    return layer(jnp.concatenate(shifted, -1))


class WaveformPrior(nn.Module):
    """A U-Net over samples with a skip at each rate, noise [B T C] -> audio [B T 1]."""

    width: int = 16
    levels: int = 6
    taps: int = 5

    def noise_shape(self, samples: int) -> tuple[int, ...]:
        return samples, self.width

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        skips, x = [], z
        for i in range(self.levels):
            x = _bent(_conv(self, x, self.taps, f"down_{i}"))
            skips.append(x)
            x = avg_pool(x, 2)
        x = _bent(_conv(self, x, self.taps, "bottom"))
        for i, skip in reversed(list(enumerate(skips))):
            x = jnp.concatenate([repeat_samples(x, 2), skip], -1)
            x = _bent(_conv(self, x, self.taps, f"up_{i}"))
        return nn.Dense(1, precision=HIGHEST, name="last")(x)


class DilatedPrior(nn.Module):
    """Residual dilated convolutions at the full rate, noise [B T C] -> audio [B T 1]."""

    width: int = 16
    levels: int = 9

    def noise_shape(self, samples: int) -> tuple[int, ...]:
        return samples, self.width

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        x = _conv(self, z, 3, "first")
        for i in range(self.levels):
            x = x + _conv(self, _bent(x), 3, f"dilated_{i}", 2**i)
        return nn.Dense(1, precision=HIGHEST, name="last")(_bent(x))


class SpectrogramPrior(nn.Module):
    """A U-Net over frames and bins whose output is a complex spectrogram, [B F N C] -> [B T 1].

    harmonics: 0, squares of 3 x 3; K: three frames by the K first multiples of each bin.
    """

    width: int = 16
    levels: int = 4
    harmonics: int = 0

    def noise_shape(self, samples: int) -> tuple[int, ...]:
        return samples // _HOP, _HOP, self.width

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        skips, x = [], z
        for i in range(self.levels):
            x = _bent(self._conv(x, f"down_{i}"))
            skips.append(x)
            x = halved(x)
        x = _bent(self._conv(x, "bottom"))
        for i, skip in reversed(list(enumerate(skips))):
            x = jnp.concatenate([upsample_nearest(x), skip], -1)
            x = _bent(self._conv(x, f"up_{i}"))
        parts = nn.Dense(2, precision=HIGHEST, name="last")(x)
        spectrum = jax.lax.complex(parts[..., :1], parts[..., 1:])
        spectrum = jnp.pad(spectrum, ((0, 0), (0, 0), (0, 1), (0, 0)))  # without the highest bin
        length = z.shape[1] * _HOP
        pad = (_HOP // 2, _HOP // 2)
        return stft.istft(spectrum, 2 * _HOP, _HOP, centre=False, pad=pad, length=length)

    def _conv(self, x: jax.Array, name: str) -> jax.Array:
        if not self.harmonics:
            return _conv_2d(self, x, name)
        x = multiples(x, self.harmonics)
        batch, frames, bins, channels = x.shape
        rows = x.transpose(0, 2, 1, 3).reshape(batch * bins, frames, channels)
        y = _conv(self, rows, 3, name)
        return y.reshape(batch, bins, frames, -1).transpose(0, 2, 1, 3)


def multiples(x: jax.Array, count: int) -> jax.Array:
    """Bins 1, 2, ... `count` times as high side by side, zeros above, [B F N C] -> [B F N KC]."""
    bins = x.shape[2]
    padded = jnp.pad(x, ((0, 0), (0, 0), (0, 1), (0, 0)))
    places = np.minimum(np.arange(1, count + 1) * np.arange(bins)[:, None], bins)
    picked = padded[:, :, places]
    return picked.reshape(*x.shape[:3], count * x.shape[-1])


def halved(x: jax.Array) -> jax.Array:
    """Means of squares of two frames and two bins, [B F N C] -> [B F/2 N/2 C]."""
    batch, frames, bins, channels = x.shape
    return x.reshape(batch, frames // 2, 2, bins // 2, 2, channels).mean((2, 4))


def upsample_nearest(x: jax.Array) -> jax.Array:
    """Every number as a square of four, [B F N C] -> [B 2F 2N C]."""
    batch, frames, bins, channels = x.shape
    x = jnp.broadcast_to(x[:, :, None, :, None], (batch, frames, 2, bins, 2, channels))
    return x.reshape(batch, 2 * frames, 2 * bins, channels)


_Prior = WaveformPrior | DilatedPrior | SpectrogramPrior


def of_kind(kind: str, **sizes: Any) -> _Prior:
    """'waveform', 'dilated', 'spectrogram' or 'harmonic', of the given sizes."""
    if kind == "harmonic":
        return SpectrogramPrior(harmonics=5, **sizes)
    kinds = {"waveform": WaveformPrior, "dilated": DilatedPrior, "spectrogram": SpectrogramPrior}
    return kinds[kind](**sizes)
