"""Quadrature mirror filters of Lyra's decoder: audio as bands of a part of its rate, and back.

Two branches of first-order all-passes on even and odd samples: their half sum is the low band,
their half difference the high one. A tree of such pairs halves on; since the upper half of a band
lies mirrored, the order of its halves is turned, so that bands rise in frequency. What is split and
merged is an all-pass of the audio: every frequency as strong as before, a little later.
"""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from scipy.signal import sosfilt

from zoo.errors import BadInput
from zoo.signal import filters

_FIRST = (0.3255157470703125, 0.748626708984375, 0.961456298828125)  # of even samples, split
SECOND = (0.097930908203125, 0.564300537109375, 0.8737335205078125)


def split_bands(x: jax.Array, bands: int) -> jax.Array:
    """Audio [B T] -> bands [B T/bands bands], the lowest first; T divides into them."""
    if bands & (bands - 1) or x.shape[1] % bands:
        raise BadInput(f"{x.shape[1]} samples in {bands} bands: give a power of two that divides")
    found = [x]
    while len(found) < bands:
        pairs = (_halves(band, mirrored=number % 2 == 1) for number, band in enumerate(found))
        found = [half for pair in pairs for half in pair]
    return jnp.stack(found, -1)


def _halves(x: jax.Array, *, mirrored: bool) -> tuple[jax.Array, jax.Array]:
    first, second = _cascade(x[:, ::2], _FIRST), _cascade(x[:, 1::2], SECOND)
    low, high = (first + second) / 2, (first - second) / 2
    return (high, low) if mirrored else (low, high)


def _cascade(x: jax.Array, zeros: tuple[float, ...]) -> jax.Array:
    """All-passes (a + z^-1) / (1 + a z^-1) one after another, [B T] -> [B T].

    By their response, cut off where it is below 1e-8: recursions are slow to compile.
    """
    return filters.fft_convolve(x[..., None], jnp.asarray(_response(zeros)), "causal")[..., 0]


@cache
def _response(zeros: tuple[float, ...]) -> np.ndarray:
    """The impulse response [512] of these all-passes."""
    impulse = np.zeros(512)
    impulse[0] = 1
    return sosfilt(_sections(zeros), impulse).astype(np.float32)


class Merger:
    """Bands [B t bands] of a stream, chunk by chunk, back to audio [B t*bands], on the host."""

    def __init__(self, bands: int, count: int) -> None:
        self._levels: list[list[_Pair]] = []
        while bands > 1:
            bands //= 2
            self._levels.append([_Pair(count) for _ in range(bands)])

    def __call__(self, bands: np.ndarray) -> np.ndarray:
        found = list(np.moveaxis(np.asarray(bands, np.float64), -1, 0))
        for level in self._levels:
            pairs = (
                (found[2 * number + number % 2], found[2 * number + 1 - number % 2])
                for number in range(len(level))
            )
            found = [merge(*pair) for merge, pair in zip(level, pairs, strict=True)]
        return found[0]


class _Pair:
    """A low and a high band [B t] to their sum [B 2t]; the state of its filters goes on."""

    def __init__(self, count: int) -> None:
        self._filters = [_sections(zeros) for zeros in (_FIRST, SECOND)]
        self._states = [np.zeros((3, count, 2)) for _ in self._filters]

    def __call__(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        odd, self._states[0] = sosfilt(self._filters[0], low - high, 1, self._states[0])
        even, self._states[1] = sosfilt(self._filters[1], low + high, 1, self._states[1])
        return np.stack([even, odd], -1).reshape(len(low), -1)


def _sections(zeros: tuple[float, ...]) -> np.ndarray:
    """SciPy's second-order sections of the all-passes."""
    return np.array([(a, 1, 0, 1, a, 0) for a in zeros])
