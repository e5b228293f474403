"""Constant-Q transforms by octaves, their scaling to 0..1 and harmonic stacks, [B T 1] -> [B F N].

The filters of the top octave are applied to the audio, then to the audio at half the rate, and so
on down (Schoerkhuber and Klapuri, SMC 2010), as `CQT2010v2` of nnAudio (Cheuk et al., IEEE Access
2020) with Basic Pitch's settings: reflected ends, L1 filters, librosa's scale, a half-band filter
of 256 taps. It differs from nnAudio where that would lower the rate before the first octave.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import scipy.signal

from zoo.errors import BadInput
from zoo.signal.precision import HIGHEST
from zoo.signal.stft import window

HALF_BAND = 256  # taps of the filter before the rate is halved
TRANSITION = 0.001  # of that filter, relative to its corner


@dataclass(frozen=True)
class ConstantQ:
    """Which bins, and how often: bin n is centred on low * 2**(n / per_octave) Hz.

    sample_rate and low in Hz; hop in samples, a multiple of 2**(octaves - 1).
    """

    sample_rate: int
    hop: int
    low: float
    bins: int
    per_octave: int

    def __post_init__(self) -> None:
        if self.hop % 2 ** (self.octaves - 1):
            raise BadInput(
                f"hop {self.hop} cannot be halved {self.octaves - 1} times: use a multiple of "
                f"{2 ** (self.octaves - 1)} for {self.octaves} octaves"
            )
        if self.frequencies()[-1] > self.sample_rate / 2:
            raise BadInput(
                f"the top bin, {self.frequencies()[-1]:.0f} Hz, lies above half the rate of "
                f"{self.sample_rate} Hz: use fewer than {self.bins} bins"
            )

    @property
    def octaves(self) -> int:
        return -(-self.bins // self.per_octave)

    @property
    def quality(self) -> float:
        """Centre frequency over bandwidth."""
        return 1 / (2 ** (1 / self.per_octave) - 1)

    @property
    def least(self) -> int:
        """Samples that the ends of the lowest octave can be reflected from."""
        return (self.kernels().shape[0] // 2 + 1) * 2 ** (self.octaves - 1)

    def frequencies(self) -> np.ndarray:
        """Centre of every bin in Hz, -> [N] float64."""
        return self.low * 2.0 ** (np.arange(self.bins) / self.per_octave)

    def lengths(self) -> np.ndarray:
        """Samples of every bin's filter at the full rate, -> [N] float64."""
        return np.ceil(self.quality * self.sample_rate / self.frequencies())

    def kernels(self) -> np.ndarray:
        """The top octave's filters: cosines, then sines, -> [taps 2 * per_octave] float32."""
        top = range(self.bins - self.per_octave, self.bins)
        hertz = tuple(self.low * 2 ** (n / self.per_octave) for n in top)
        return _kernels(self.sample_rate, self.quality, hertz)


@cache
def _kernels(rate: int, quality: float, hertz: tuple[float, ...]) -> np.ndarray:
    taps = 2 ** math.ceil(math.log2(math.ceil(quality * rate / hertz[0])))
    filters = np.zeros((taps, len(hertz)), complex)
    for column, centre in enumerate(hertz):
        size = math.ceil(quality * rate / centre)
        place = np.arange(size) - (size + 1) // 2  # of odd sizes the middle lies half a sample off
        wave = window("hann", size) * np.exp(2j * np.pi * place * centre / rate)
        filters[taps // 2 + place, column] = wave / np.abs(wave).sum()
    return np.concatenate([filters.real, filters.imag], 1).astype(np.float32)


@cache
def _half_band() -> np.ndarray:
    """A linear-phase low-pass of half the rate, -> [taps] float32."""
    edges = [0.0, 0.5 / (1 + TRANSITION), 0.5 * (1 + TRANSITION), 1.0]
    return scipy.signal.firwin2(HALF_BAND, edges, [1.0, 1.0, 0.0, 0.0]).astype(np.float32)


def constant_q_power(x: jax.Array, spec: ConstantQ) -> jax.Array:
    """Power of every bin, audio [B T 1] -> [B F N] float32, F = T // hop + 1.

    Frame f is centred on sample f * hop; every octave below the top comes half a sample of its own
    rate late, as nnAudio's. raises BadInput for other than mono, and for T below `spec.least`.
    """
    if x.ndim != 3 or x.shape[-1] != 1:
        raise BadInput(f"audio {x.shape}: a constant-Q transform takes mono [B T 1]")
    if x.shape[1] < spec.least:
        raise BadInput(
            f"{x.shape[1]} samples are too short for {spec.octaves} octaves: give {spec.least} or "
            "more"
        )
    parts: list[jax.Array] = []
    kernels = spec.kernels()
    x, hop = x.astype(jnp.float32), spec.hop
    for octave in range(spec.octaves):
        if octave:
            x, hop = _halved(x), hop // 2
        ends = kernels.shape[0] // 2
        padded = jnp.pad(x, ((0, 0), (ends, ends), (0, 0)), mode="reflect")
        real, imaginary = jnp.split(_correlated(padded, kernels, hop), 2, -1)
        parts.insert(0, jnp.square(real) + jnp.square(imaginary))
    power = jnp.concatenate(parts, -1)[..., -spec.bins :]
    return power * spec.lengths().astype(np.float32)


def constant_q(x: jax.Array, spec: ConstantQ) -> jax.Array:
    """Magnitude of every bin in librosa's scale, audio [B T 1] -> [B F N] float32."""
    return jnp.sqrt(constant_q_power(x, spec))


def _halved(x: jax.Array) -> jax.Array:
    ends = (HALF_BAND - 1) // 2
    return _correlated(jnp.pad(x, ((0, 0), (ends, ends), (0, 0))), _half_band()[:, None], 2)


def _correlated(x: jax.Array, kernels: np.ndarray, stride: int) -> jax.Array:
    """[B T 1] with the columns of [taps N] every `stride` samples -> [B F N]."""
    return jax.lax.conv_general_dilated(
        x,
        jnp.asarray(kernels)[:, None],
        (stride,),
        "VALID",
        dimension_numbers=("NWC", "WIO", "NWC"),
        precision=HIGHEST,
    )


def normalised_log(power: jax.Array, floor: float = 1e-10) -> jax.Array:
    """Decibels of power from an example's least to its most as 0..1, [B F N] -> [B F N].

    floor: added to the power. All zero where an example's power is the same everywhere.
    """
    level = 10 / math.log(10) * jnp.log(power + floor)
    above = level - level.min((1, 2), keepdims=True)
    most = above.max((1, 2), keepdims=True)
    return jnp.where(most > 0, above / jnp.where(most > 0, most, 1), 0)


def harmonic_stack(
    x: jax.Array, harmonics: Sequence[float], per_octave: int, bins: int
) -> jax.Array:
    """Bins at multiples of their frequency side by side, [B F N] -> [B F bins H].

    Channel h of bin n is bin n + per_octave * log2(harmonics[h]), rounded; zero where there is
    none. A harmonic below 1 is a subharmonic.
    """
    shifts = [round(per_octave * math.log2(harmonic)) for harmonic in harmonics]
    before, after = max(0, -min(shifts)), max(0, max(shifts) + bins - x.shape[-1])
    padded = jnp.pad(x, ((0, 0), (0, 0), (before, after)))
    stacked = [padded[..., before + shift : before + shift + bins] for shift in shifts]
    return jnp.stack(stacked, -1)
