"""Stems changed on the device before they are mixed: their tempo, their pitch, their timbre.

Transforms (rng, batch) -> batch, as in `zoo.data.device_transforms`; they stand behind its
`ToFloat`. The same key gives the same stems. Cohen-Hadria, Röbel and Peeters (EUSIPCO 2019) compare
transposition and stretching; filtered channels are of Uhlich et al. (ICASSP 2017) and later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from zoo.data.device_transforms import DeviceBatch, DeviceTransform, float_of
from zoo.errors import BadInput
from zoo.signal import phase_vocoder


def augmentation(
    samples: int, stretch: float, semitones: float, decibels: float
) -> tuple[int, tuple[DeviceTransform, ...]]:
    """(samples that a crop needs, the transforms) for examples of `samples`; 0 leaves one out.

    stretch: tempo by up to this share. semitones: pitch by up to so many. decibels: of a band.
    """
    chosen: list[DeviceTransform] = []
    needed = samples
    if stretch:
        tempo = TimeStretch(1 - stretch, 1 + stretch, samples)
        chosen.append(tempo)
        needed = tempo.needed
    if semitones:
        chosen.append(PitchShift(semitones))
    if decibels:
        chosen.append(Equalise(decibels))
    return needed, tuple(chosen)


@dataclass(frozen=True)
class TimeStretch:
    """Each stem `low` to `high` times as fast, of its own draw, [B S T C] -> [B S samples C].

    together: all stems of an example at one tempo.
    """

    low: float
    high: float
    samples: int
    together: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high:
            raise BadInput(f"tempo of {self.low:g} to {self.high:g}: give 0 < low <= high")

    @property
    def needed(self) -> int:
        """Samples T of which those of the fastest tempo are made."""
        return math.ceil(self.samples * self.high)

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        stems = float_of(batch, "stems")
        if stems.shape[2] < self.needed:
            raise BadInput(f"stems of {stems.shape[2]:,} samples: crop {self.needed:,}")
        rate = _drawn(rng, stems, self.low, self.high, self.together)
        flat = phase_vocoder.stretch(_flat(stems), rate, self.samples)
        return {**batch, "stems": flat.reshape(*stems.shape[:2], self.samples, -1)}


@dataclass(frozen=True)
class PitchShift:
    """Each stem higher or lower by up to `semitones`, uniformly; its duration stays.

    together: all stems of an example by one interval.
    """

    semitones: float
    together: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.semitones <= 24:
            raise BadInput(f"semitones={self.semitones:g}: give more than 0, up to 24")

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        stems = float_of(batch, "stems")
        most = self.semitones
        interval = _drawn(rng, stems, -most, most, self.together)
        flat = phase_vocoder.shift(_flat(stems), interval, most)
        return {**batch, "stems": flat.reshape(stems.shape)}


@dataclass(frozen=True)
class Equalise:
    """Each stem through a random equaliser, of its own draw, without a change of phase.

    Gains of up to `decibels` either way at `bands` frequencies, equal parts of an octave scale that
    ends at half the rate, and straight lines between; edges of a crop are those of silence.
    """

    decibels: float
    bands: int = 8

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        stems = float_of(batch, "stems")
        length, most = stems.shape[2], self.decibels
        size = 2 * length
        gains = jax.random.uniform(rng, (*stems.shape[:2], self.bands), minval=-most, maxval=most)
        # From half the rate downwards, an octave a band; what lies below has the lowest's.
        octaves = np.log2(np.maximum(np.arange(size // 2 + 1), 1) / (size / 2)) + self.bands - 1
        places = jnp.asarray(np.clip(octaves, 0, self.bands - 1), jnp.float32)
        low = jnp.minimum(places.astype(jnp.int32), self.bands - 2)
        share = places - low
        curve = (1 - share) * gains[..., low] + share * gains[..., low + 1]
        spectrum = jnp.fft.rfft(stems, size, axis=2) * (10 ** (curve / 20))[..., None]
        return {**batch, "stems": jnp.fft.irfft(spectrum, size, axis=2)[:, :, :length]}


def _drawn(rng: jax.Array, stems: jax.Array, low: float, high: float, together: bool) -> jax.Array:
    """One uniform number for each stem of [B S T C], [B*S], or one for each example, repeated."""
    shape = (stems.shape[0], 1 if together else stems.shape[1])
    found = jax.random.uniform(rng, shape, minval=low, maxval=high)
    return jnp.broadcast_to(found, stems.shape[:2]).reshape(-1)


def _flat(stems: jax.Array) -> jax.Array:
    """[B S T C] -> [B*S T C]."""
    return stems.reshape(-1, *stems.shape[2:])
