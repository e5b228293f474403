"""Small discriminators of audio by their prior: what a net cannot see, a generator may get wrong.

The tutorial's open question. Here are a plain strided net, the same with the shuffled phases of
WaveGAN (Donahue et al., ICLR 2019), the dilated convolutions of Parallel WaveGAN (Yamamoto et al.,
ICASSP 2020) and spectrograms at one or several resolutions (UnivNet, Jang et al., Interspeech
2021); several rates and periods are the discriminators of MelGAN and HiFi-GAN. All give a (score,
features) for each of their parts, as `zoo.objectives.adversarial_vocoder` takes them.

Deviations and guesses:
- Nets follow the papers in structure, not in size, and have no weight norm.
- Spectrograms are ln magnitudes, as what the generator's own loss compares; UnivNet's are linear.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv import Conv
from zoo.layers.conv2d import Conv2D
from zoo.layers.initializers import HE
from zoo.layers.phase_shuffle import phase_shuffle
from zoo.signal import mel, stft

_SLOPE = 0.2  # of every leaky ReLU
Answer = tuple[jax.Array, tuple[jax.Array, ...]]  # (score [B ...], features)


class Strided(nn.Module):
    """Convolutions of 25 taps and stride 4, audio [B T 1] -> ((score [B T' 1], features),).

    shuffle: largest random shift behind each layer, where the random key 'shuffle' is given.
    """

    width: int = 8
    layers: int = 4
    shuffle: int = 0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> tuple[Answer, ...]:
        how: Any = {"kernel_init": HE, "dtype": self.dtype}
        features = []
        for i in range(self.layers):
            x = Conv(self.width * 2**i, 25, 4, **how, name=f"down_{i + 1}")(x)
            x = nn.leaky_relu(x, _SLOPE)
            features.append(x)
            if self.shuffle and self.has_rng("shuffle"):
                x = phase_shuffle(x, self.make_rng("shuffle"), self.shuffle)
        score = Conv(1, 3, **how, name="score")(x)
        return ((score.astype(jnp.float32), tuple(features)),)


class Dilated(nn.Module):
    """Convolutions dilated by 1, 1, 2, 3, ..., audio [B T 1] -> ((score [B T 1], features),)."""

    width: int = 8
    layers: int = 8
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> tuple[Answer, ...]:
        how: Any = {"kernel_init": HE, "dtype": self.dtype}
        features = []
        for i in range(self.layers):
            layer = Conv(self.width, 3, dilation=max(i, 1), **how, name=f"dilated_{i + 1}")
            x = nn.leaky_relu(layer(x), _SLOPE)
            features.append(x)
        score = Conv(1, 3, **how, name="score")(x)
        return ((score.astype(jnp.float32), tuple(features)),)


class Spectrograms(nn.Module):
    """A net for each FFT size, audio [B T 1] -> a (score [B F N' 1], features) for each.

    Frames are a quarter of their size apart; behind the first layer bins are halved.
    """

    sizes: tuple[int, ...] = (256, 512, 1024)
    width: int = 8
    layers: int = 4
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> tuple[Answer, ...]:
        return tuple(self._net(x, size) for size in self.sizes)

    def _net(self, audio: jax.Array, size: int) -> Answer:
        how: Any = {"pads": (1, 1), "kernel_init": HE, "dtype": self.dtype}
        spectra = stft.centred(audio, size, size // 4)[..., 0]
        x = mel.log_clamp(stft.magnitude(spectra))[..., None]
        features = []
        for i in range(self.layers):
            stride = (1, 2) if i else 1
            layer = Conv2D(self.width, 3, stride, **how, name=f"size_{size}_{i + 1}")
            x = nn.leaky_relu(layer(x), _SLOPE)
            features.append(x)
        score = Conv2D(1, 3, **how, name=f"size_{size}_score")(x)
        return score.astype(jnp.float32), tuple(features)
