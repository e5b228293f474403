"""Scattering transform of audio, two orders of wavelet moduli averaged, [B T C] -> [B F P C].

|x * psi1| * phi and ||x * psi1| * psi2| * phi: coefficients that a shift of less than the window
hardly moves and a small stretch moves little. Everything happens in the Fourier domain, where
keeping every 2^k-th sample is a sum of 2^k pieces of the spectrum. Paths, filters, padding and
lengths are those of kymatio 0.3: Morlet wavelets, constant-Q down to a width, then equally spaced.
Source: Anden and Mallat 2011, 2014 (filters as in Lostanlen's thesis, 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.signal import wavelets
from zoo.signal.precision import HIGHEST
from zoo.signal.wavelets import Wavelet

_LARGEST = 2**20  # elements of a matrix that averages
Band = tuple[int, np.ndarray]  # first bin and values of a filter; it is nothing elsewhere


@dataclass(frozen=True)
class Scattering:
    """What decides the paths and frames.

    octaves: J, the longest wavelets last about 2^J samples. per_octave: Q of both orders. window:
    samples over which coefficients are averaged, frames are 2^floor(log2 window) apart; default
    2^J. order: 1 or 2.
    """

    octaves: int
    per_octave: tuple[int, int] = (8, 1)
    window: int | None = None
    order: int = 2

    def __post_init__(self) -> None:
        if self.octaves < 1 or min(self.per_octave) < 1 or self.order not in (1, 2):
            raise BadInput(f"{self}: use octaves and per_octave of at least 1, and order 1 or 2")
        if self.span < 1:
            raise BadInput(f"window={self.window}: average over at least one sample")

    @property
    def span(self) -> int:
        return 2**self.octaves if self.window is None else self.window

    @property
    def hop(self) -> int:
        """Samples between frames."""
        return 2**self.coarsest

    @property
    def coarsest(self) -> int:
        return self.span.bit_length() - 1

    def banks(self) -> tuple[list[Wavelet], list[Wavelet]]:
        """The wavelets of both orders, highest first."""
        first, second = (wavelets.bank(self.octaves, q) for q in self.per_octave)
        return first, second if self.order == 2 else []

    def paths(self) -> list[tuple[int, ...]]:
        """What P counts, in order: () for the plain average, then (n1,), then (n1, n2)."""
        first, second = self.banks()
        pairs = [
            (i, j) for i, a in enumerate(first) for j, b in enumerate(second) if b.octave > a.octave
        ]
        return [(), *((i,) for i in range(len(first))), *pairs]


def scatter(x: jax.Array, how: Scattering) -> jax.Array:
    """Scattering coefficients, [B T C] -> [B F P C] float32; P as `how.paths()`.

    Reflects the audio at its ends, as far as the average reaches. raises BadInput for audio shorter
    than the window.
    """
    plan = design_filters(how, x.shape[1])
    x = jnp.moveaxis(jnp.pad(x, ((0, 0), plan.pads, (0, 0)), mode="reflect"), 1, 2)
    whole = _spectrum(x)
    found: dict[tuple[int, ...], jax.Array] = {(): plan.average(whole, 0)}
    for level, members in plan.first.items():
        moduli = jnp.abs(jnp.fft.ifft(plan.waves(whole, members, level), axis=-1))
        spectra = _spectrum(moduli)
        averages = plan.average(spectra, level)
        found |= {(n,): averages[..., i, :] for i, (n, _) in enumerate(members)}
        for number, band in plan.second.get(level, {}).items():
            deeper = plan.level(plan.octaves[1][number])
            inner = jnp.abs(jnp.fft.ifft(_fold(spectra, band, deeper - level), axis=-1))
            averages = plan.mean(inner, deeper)
            for i, (n, _) in enumerate(members):
                if plan.octaves[1][number] > plan.octaves[0][n]:
                    found[n, number] = averages[..., i, :]
    return jnp.stack([found[path] for path in how.paths()], 1).transpose(0, 3, 1, 2)


def log_coefficients(
    x: jax.Array, how: Scattering, floor: float = 1e-4, normalise: bool = True
) -> jax.Array:
    """Logarithms of all paths but the plain average, [B T 1] -> [B F P-1]; `floor` is added first.

    normalise: second order over the first order of the same band, as Anden and Mallat 2014.
    """
    paths = how.paths()[1:]
    # An average ripples below zero by round-off where there is silence.
    levels = jnp.log(jnp.maximum(scatter(x, how)[:, :, 1:, 0], 0.0) + floor)
    if not normalise:
        return levels
    parents = np.array([path[0] for path in paths])
    second = np.array([len(path) == 2 for path in paths])
    return levels - jnp.where(second, levels[..., parents], 0.0)


def _spectrum(x: jax.Array) -> jax.Array:
    """All bins of the Fourier transform of real signals, [... T] -> [... T] complex64."""
    half = jnp.fft.rfft(x)
    if x.shape[-1] < 3:
        return jnp.fft.fft(x)
    return jnp.concatenate([half, jnp.conj(half[..., -2:0:-1])], -1)


def _fold(x: jax.Array, band: Band, octaves: int) -> jax.Array:
    """A filtered spectrum at 2^octaves times fewer samples, [... T] -> [... T / 2^octaves]."""
    start, values = band
    size = x.shape[-1] >> octaves
    if start + len(values) > x.shape[-1]:  # it reaches beyond the last bin, into the first
        x = jnp.concatenate([x[..., start:], x[..., : start + len(values) - x.shape[-1]]], -1)
    else:
        x = x[..., start : start + len(values)]
    y = x * (values / 2**octaves).astype(np.float32)
    rest = -len(values) % size
    y = jnp.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, rest)])
    return jnp.roll(y.reshape(*y.shape[:-1], -1, size).sum(-2), start, -1)


@dataclass(frozen=True, eq=False)
class _FilterPlan:
    """The filters for audio of one length, as far as they are anything, and who needs which.

    first: {level: [(number, band)]}, wavelets whose moduli are kept at 2^level fewer samples.
    second: {level: {number: band}}, those that act on them. low: the average's band per level;
    means: the same as a matrix [T F], where that is small and so faster than two transforms.
    """

    pads: tuple[int, int]
    length: int
    coarsest: int
    octaves: tuple[list[int], list[int]]
    first: dict[int, list[tuple[int, Band]]]
    second: dict[int, dict[int, Band]]
    low: dict[int, Band]
    means: dict[int, np.ndarray]

    def level(self, octave: int) -> int:
        return min(octave, self.coarsest)

    def waves(self, x: jax.Array, members: list[tuple[int, Band]], level: int) -> jax.Array:
        """Spectra behind several wavelets, [... T] -> [... N T / 2^level]."""
        return jnp.stack([_fold(x, band, level) for _, band in members], -2)

    def average(self, x: jax.Array, level: int) -> jax.Array:
        """Spectra at that level -> averages over the unpadded audio, [... T] -> [... F]."""
        y = jnp.fft.ifft(_fold(x, self.low[level], self.coarsest - level), axis=-1).real
        return y[..., slice(*_frames(self.pads[0], self.length, self.coarsest))]

    def mean(self, x: jax.Array, level: int) -> jax.Array:
        """As `average`, of real signals at that level."""
        if level in self.means:
            return jnp.matmul(x, self.means[level], precision=HIGHEST)
        return self.average(_spectrum(x), level)


def _frames(before: int, length: int, octaves: int) -> tuple[int, int]:
    """Where the audio begins and ends in every 2^octaves-th sample of its padded form."""
    start, end = before, before + length
    for _ in range(octaves):
        start, end = -(-start // 2), -(-end // 2)
    return start, end


def _mean_matrix(average: np.ndarray, hop: int, first: int, last: int) -> np.ndarray:
    """Averages at the frames from `first` to before `last` as a product, -> [T F] float32."""
    response = np.fft.ifft(average).real
    lags = np.arange(first, last) * hop - np.arange(len(average))[:, None]
    return response[lags % len(average)].astype(np.float32)


@lru_cache(maxsize=8)
def design_filters(how: Scattering, length: int) -> _FilterPlan:
    """Designs the filters, in float64 on the host; the same for every batch of that length."""
    if length < how.span:
        raise BadInput(f"{length} samples are shorter than the window of {how.span}: use more")
    size = wavelets.padded_length(length, how.span)
    before = (size - length) // 2
    banks = how.banks()
    octaves = [w.octave for w in banks[0]], [w.octave for w in banks[1]]
    levels = sorted({min(o, how.coarsest) for o in octaves[0]})
    first = {
        level: [
            (n, wavelets.band(wavelets.morlet(size, w)))
            for n, w in enumerate(banks[0])
            if min(w.octave, how.coarsest) == level
        ]
        for level in levels
    }
    second: dict[int, dict[int, Band]] = {level: {} for level in levels}
    for n, w in enumerate(banks[1]):
        full = wavelets.morlet(size, w)
        for level in levels:
            if any(min(o, how.coarsest) == level and w.octave > o for o in octaves[0]):
                second[level][n] = wavelets.band(wavelets.periodised(full, 2**level))
    average = wavelets.gaussian(size, wavelets.WAVELET_WIDTH / how.span)
    averages = {k: wavelets.periodised(average, 2**k) for k in range(how.coarsest + 1)}
    shown = _frames(before, length, how.coarsest)
    means = {
        level: _mean_matrix(values, how.hop >> level, *shown)
        for level, values in averages.items()
        if level and len(values) * (shown[1] - shown[0]) <= _LARGEST
    }
    return _FilterPlan(
        pads=(before, size - length - before),
        length=length,
        coarsest=how.coarsest,
        octaves=octaves,
        first=first,
        second=second,
        low={level: wavelets.band(values) for level, values in averages.items()},
        means=means,
    )
