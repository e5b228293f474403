"""Pseudo-quadrature mirror filters: audio in critically sampled bands and back, nearly unchanged.

Truong Q. Nguyen, "Near-perfect-reconstruction pseudo-QMF banks", IEEE Transactions on Signal
Processing 1994; the prototype of multi-band MelGAN (Yang et al. 2021) as its public port has it:
63 taps of a Kaiser-windowed sinc, cut off at 0.142 of the Nyquist frequency for four bands.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.signal import framing
from zoo.signal.precision import HIGHEST

TAPS = 63
CUTOFFS = {2: 0.267, 4: 0.142, 8: 0.0795}  # of the Nyquist frequency, by bands
BETA = 9.0


def prototype(bands: int) -> np.ndarray:
    """The low-pass filter that all bands are modulated from, -> [n] float64."""
    if bands not in CUTOFFS:
        raise BadInput(f"{bands} bands: choose {', '.join(map(str, CUTOFFS))}")
    cutoff, place = CUTOFFS[bands], np.arange(TAPS) - TAPS // 2
    return cutoff * np.sinc(cutoff * place) * np.kaiser(TAPS, BETA)


def pqmf_filters(bands: int, sign: int) -> np.ndarray:
    """Cosine-modulated filters, -> [n K] float32; sign: 1 for analysis, -1 for synthesis."""
    number, place = np.arange(bands), np.arange(TAPS)[:, None] - TAPS // 2
    turn = (2 * number + 1) * np.pi / (2 * bands) * place + sign * (-1.0) ** number * np.pi / 4
    return (2 * prototype(bands)[:, None] * np.cos(turn)).astype(np.float32)


def analysis(x: jax.Array, bands: int = 4) -> jax.Array:
    """Audio [B T 1] -> bands [B T/K K] from low to high, at the K-th part of its rate."""
    if x.shape[1] % bands or x.shape[-1] != 1:
        raise BadInput(f"audio {list(x.shape)}: give [B T 1] with T a multiple of {bands}")
    padded = jnp.pad(x, ((0, 0), (TAPS // 2, TAPS // 2), (0, 0)))
    frames = framing.frame(padded, TAPS, bands)[..., 0]
    return jnp.matmul(frames, pqmf_filters(bands, 1), precision=HIGHEST)


def synthesis(x: jax.Array) -> jax.Array:
    """Bands [B T K] from low to high -> audio [B T*K 1], delayed by nothing."""
    bands = x.shape[-1]
    backwards = bands * pqmf_filters(bands, -1)[::-1].T
    frames = jnp.matmul(x, backwards, precision=HIGHEST)[..., None]
    audio = framing.overlap_add(frames, bands)
    return audio[:, TAPS // 2 :][:, : x.shape[1] * bands]
