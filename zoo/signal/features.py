"""Engineered features of spectra: MFCC, slopes, chroma, centroid, [B F N C] -> [B F K C]."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.signal import stft
from zoo.signal.precision import HIGHEST


def mfcc(log_mel: jax.Array, count: int = 20) -> jax.Array:
    """Mel-frequency cepstral coefficients, log mel [B F M C] -> [B F K C] with K = count.

    Orthonormal DCT-II over mel bins; librosa.feature.mfcc takes `mel.power_to_db(power, top=80)`.
    """
    bins = log_mel.shape[2]
    if count > bins:
        raise BadInput(f"{count} coefficients of {bins} mel bins: use at most {bins}")
    angle = np.pi / bins * np.outer(np.arange(bins) + 0.5, np.arange(count))
    basis = np.cos(angle) * np.sqrt(np.where(np.arange(count) == 0, 1, 2) / bins)
    return jnp.einsum("bfmc,mk->bfkc", log_mel, basis.astype(np.float32), precision=HIGHEST)


def delta(x: jax.Array, width: int = 9, order: int = 1) -> jax.Array:
    """Slope over frames by Savitzky-Golay, [B F K C] -> [B F K C] per frame.

    width: odd number of frames of the fitted polynomial; order: its degree and the derivative
    taken (1 or 2 for delta and delta-delta). At the edges the nearest full fit holds.
    Source: librosa.feature.delta with mode='interp'.
    """
    if width % 2 == 0 or not order < width <= x.shape[1]:
        raise BadInput(f"width {width} for {x.shape[1]} frames: use an odd number up to that")
    reach = width // 2
    powers = np.arange(-reach, reach + 1)[:, None] ** np.arange(order + 1)
    slope = np.linalg.pinv(powers)[order] * np.prod(np.arange(1, order + 1))
    count = x.shape[1] - 2 * reach
    inner = sum(float(slope[i]) * x[:, i : i + count] for i in range(width))
    return jnp.pad(inner, ((0, 0), (reach, reach), (0, 0), (0, 0)), mode="edge")


def chroma_filters(sample_rate: float, n_fft: int, bins: int = 12) -> np.ndarray:
    """Weights from FFT bins to pitch classes, -> [N K] float32; class 0 is C, A is 440 Hz.

    A Gaussian per pitch class as wide as the FFT bin, columns of unit length, faded out from
    C5 by a Gaussian over octaves (Ellis 2007). Same as librosa.filters.chroma.
    """
    hz = np.arange(1, n_fft) * sample_rate / n_fft
    pitch = bins * np.log2(hz / (440.0 / 16))
    pitch = np.concatenate([[pitch[0] - 1.5 * bins], pitch])  # DC: 1.5 octaves under bin 1
    widths = np.concatenate([np.maximum(np.diff(pitch), 1.0), [1.0]])
    distance = pitch[:, None] - np.arange(bins)
    half = round(bins / 2)
    distance = np.remainder(distance + half + 10 * bins, bins) - half
    weights = np.exp(-0.5 * (2 * distance / widths[:, None]) ** 2)
    weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-30)
    weights *= np.exp(-0.5 * ((pitch[:, None] / bins - 5.0) / 2.0) ** 2)
    weights = np.roll(weights, -3 * (bins // 12), axis=1)
    return weights[: n_fft // 2 + 1].astype(np.float32)


def chroma(power: jax.Array, sample_rate: float, bins: int = 12) -> jax.Array:
    """Energy per pitch class, power spectrum [B F N C] -> [B F K C] in [0, 1], loudest class one.

    Same as librosa.feature.chroma_stft with tuning=0; silent frames are zero.
    """
    weights = chroma_filters(sample_rate, 2 * (power.shape[2] - 1), bins)
    energy = jnp.einsum("bfnc,nk->bfkc", power, weights, precision=HIGHEST)
    loudest = energy.max(axis=2, keepdims=True)
    tiny = np.finfo(np.float32).tiny
    return energy / jnp.where(loudest > tiny, loudest, 1.0)


def centroid(magnitude: jax.Array, sample_rate: float) -> jax.Array:
    """Centre of gravity of the spectrum, magnitude [B F N C] -> [B F 1 C] Hz; silence gives 0."""
    hz = stft.frequencies(sample_rate, 2 * (magnitude.shape[2] - 1)).astype(np.float32)
    total = magnitude.sum(axis=2, keepdims=True)
    moment = jnp.einsum("bfnc,n->bfc", magnitude, hz, precision=HIGHEST)[:, :, None]
    return moment / jnp.where(total > 0, total, 1.0)
