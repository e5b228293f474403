"""Untrained networks as features: averages of the feature maps of random filters.

Jordi Pons, Xavier Serra: "Randomly Weighted CNNs for (Music) Audio Classification", ICASSP 2019;
sizes of its experiments with about 3,500 features, at 12 kHz. Waveforms: `SampleLevel` (3,584),
`FrameLevelFilters` (3,584), `FrameLevelMany` (3,584). Log-mel spectrograms: `SmallFilters` (VGG,
3,585), `Vertical` (7x96 and 7x86, 3,585), `Musical` (timbral, temporal, or both, 3,584).

Deviations and guesses:
- Pools of `SmallFilters` that are larger than what is left of a short clip shrink to that.
- Decibels are limited to 80 below each clip's loudest bin, librosa's default of the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv import Conv
from zoo.layers.conv2d import Conv2D
from zoo.layers.initializers import contrib_kernel as he
from zoo.layers.pool import max_pool, max_pool_2d
from zoo.signal import mel
from zoo.signal.patches import bands

ALL = math.inf  # receptive field of what is averaged over time
RandomNet = Literal[
    "sample_level",
    "frame_level",
    "frame_level_many",
    "vgg",
    "7x96",
    "7x86",
    "timbral",
    "temporal",
    "timbral_temporal",
]
NETS: tuple[RandomNet, ...] = get_args(RandomNet)


def paper_mel_spec(sample_rate: int) -> mel.MelSpec:
    """The paper's 96 bands of decibels, with the same frames in samples at any rate."""
    return mel.MelSpec(sample_rate, 512, 256, 96, partial(mel.power_to_db, top=80.0))


def make_random_cnn(net: str, sample_rate: int, filters: int | None = None) -> nn.Module:
    """One of `NETS` at the paper's size, or with another number of `filters`."""
    if net == "timbral_temporal" and filters is None:
        filters = 128  # of each kind, so that both together are as many features as either
    spec = paper_mel_spec(sample_rate)
    nets: dict[str, Callable[..., nn.Module]] = {
        "7x96": partial(Vertical, spec, height=96),
        "7x86": partial(Vertical, spec, height=86),
        "sample_level": SampleLevel,
        "frame_level": FrameLevelFilters,
        "frame_level_many": FrameLevelMany,
        "vgg": partial(SmallFilters, spec),
        "timbral": partial(Musical, spec, temporal=False),
        "temporal": partial(Musical, spec, timbral=False),
        "timbral_temporal": partial(Musical, spec),
    }
    return nets[net]() if filters is None else nets[net](filters=filters)


def averages(maps: list[jax.Array]) -> jax.Array:
    """The mean of every feature map, [B ... C] each -> [B D], D channels in all."""
    return jnp.concatenate([x.mean(tuple(range(1, x.ndim - 1))) for x in maps], -1)


def _back_end(x: jax.Array, filters: int) -> list[jax.Array]:
    """Three convolutions of length 7, the latter two residual, [B F C] -> three maps [B F' C]."""
    first = nn.relu(Conv(filters, 7, padding="valid", kernel_init=he, name="back_1")(x))
    second = first + nn.relu(Conv(filters, 7, kernel_init=he, name="back_2")(first))
    pooled = max_pool(second, 2)
    third = pooled + nn.relu(Conv(filters, 7, kernel_init=he, name="back_3")(pooled))
    return [first, second, third]


class SampleLevel(nn.Module):
    """SampleCNN's front end: seven convolutions of length 3, [B T 1] -> [B 7 filters]."""

    filters: int = 512

    receptive_field = ALL

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = nn.relu(Conv(self.filters, 3, 3, padding="valid", kernel_init=he, name="conv_0")(x))
        maps = [x]
        for i in range(1, 7):
            x = max_pool(nn.relu(Conv(self.filters, 3, kernel_init=he, name=f"conv_{i}")(x)), 3)
            maps.append(x)
        return averages(maps)


class FrameLevelFilters(nn.Module):
    """Filters of 512 samples, 32 apart, and a back end: [B T 1] -> [B 4 filters]."""

    filters: int = 896

    receptive_field = ALL

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = nn.relu(Conv(self.filters, 512, 32, padding="valid", kernel_init=he, name="front")(x))
        return averages([x, *_back_end(x, self.filters)])


class FrameLevelMany(nn.Module):
    """Filters of five lengths side by side, and a back end: [B T 1] -> [B 8 filters]."""

    filters: int = 448
    lengths: tuple[int, ...] = (512, 256, 128, 64, 32)

    receptive_field = ALL

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        fronts = [
            nn.relu(Conv(self.filters, taps, 32, kernel_init=he, name=f"front_{taps}")(x))
            for taps in self.lengths
        ]
        return averages([*fronts, *_back_end(jnp.concatenate(fronts, -1), self.filters)])


class SmallFilters(nn.Module):
    """VGG: five 3x3 convolutions with pools over [time, bands], [B T 1] -> [B 5 filters]."""

    spec: mel.MelSpec
    filters: int = 717
    pools: tuple[tuple[int, int], ...] = ((4, 2), (4, 3), (5, 2), (4, 2), (4, 4))

    receptive_field = ALL

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x, maps = mel.log_mel(x, self.spec), []
        for i, pool in enumerate(self.pools):
            x = nn.elu(Conv2D(self.filters, 3, pads=(1, 1), kernel_init=he, name=f"conv_{i}")(x))
            x = max_pool_2d(x, (min(pool[0], x.shape[1]), min(pool[1], x.shape[2])))
            maps.append(x)
        return averages(maps)


class BandFilters(nn.Module):
    """Filters of `taps` frames by `height` bands, largest over all bands, [B F M] -> [B F' C]."""

    filters: int
    taps: int
    height: int
    padding: str = "same"
    activation: Callable[[jax.Array], jax.Array] = nn.relu

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = bands(x, self.height)
        batch, places, frames, height = x.shape
        x = x.reshape(batch * places, frames, height)
        x = Conv(self.filters, self.taps, padding=self.padding, kernel_init=he, name="conv")(x)
        return self.activation(x.reshape(batch, places, -1, self.filters).max(1))


class Vertical(nn.Module):
    """One layer of filters over 7 frames and most or all bands, [B T 1] -> [B filters]."""

    spec: mel.MelSpec
    filters: int = 3585
    height: int = 96

    receptive_field = ALL

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = mel.log_mel(x, self.spec)[..., 0]
        return averages([BandFilters(self.filters, 7, self.height, "valid", name="shape")(x)])


class Musical(nn.Module):
    """Wide filters for timbre, long ones for rhythm, [B T 1] -> [B D].

    timbral: 14 `filters` of 7, 3 and 1 frames by 0.9 and 0.4 of the bands. temporal: as many of 165
    to 32 frames on the mean over bands.
    """

    spec: mel.MelSpec
    filters: int = 256
    timbral: bool = True
    temporal: bool = True
    lengths: tuple[int, ...] = (165, 128, 64, 32)

    receptive_field = ALL

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x, maps = mel.log_mel(x, self.spec)[..., 0], []
        for share in (0.9, 0.4) if self.timbral else ():
            for i, taps in enumerate((7, 3, 1)):
                height = int(share * self.spec.bins)
                name = f"timbral_{taps}x{height}"
                maps.append(BandFilters(self.filters * 2**i, taps, height, name=name)(x))
        mean = x.mean(-1, keepdims=True)
        for i, taps in enumerate(self.lengths if self.temporal else ()):
            # A quarter of `filters` less each, so that rhythm has no more of them than timbre.
            wide = self.filters * 2**i - self.filters // 4
            maps.append(nn.relu(Conv(wide, taps, kernel_init=he, name=f"temporal_{taps}")(mean)))
        return averages(maps)
