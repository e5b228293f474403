"""Signal-to-distortion ratios of frames, [S T C] and [S T C] -> [S F], in NumPy or under `jax.jit`.

Decibels, larger is better. `framewise_sdr` is the SDR of BSSEval v4 (Stöter, Liutkus & Ito, LVA/ICA
2018): its distortion filters cancel in that ratio, so museval's number needs no filters. Against
museval: below 1e-12 dB in float64 (NumPy or JAX), below 1e-4 dB in float32 up to 80 dB.
Under `jax.jit` window and hop are static.
`si_sdr` is the scale-invariant ratio of Le Roux et al. (ICASSP 2019), without mean removal.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput

_Array = TypeVar("_Array", np.ndarray, jax.Array)


def framewise_sdr(
    reference: _Array, estimate: _Array, window: int = 44_100, hop: int = 44_100
) -> _Array:
    """SDR of every frame in dB, all channels together: [S T C], [S T C] -> [S F].

    window, hop: samples (museval: one second each). A trailing partial frame is dropped; a signal
    shorter than the window is one frame. Where any source of the reference or of the estimate is
    silent in a frame, all sources are NaN there, as in museval. A perfect estimate gives inf.
    """
    xp, reference, estimate = _signals(reference, estimate)
    target = _split_frames(reference, window, hop)
    guess = _split_frames(estimate, window, hop)
    ratio = _decibels(xp, _energy(xp, target), _energy(xp, target - guess))
    silent = silent_frames(reference, window, hop) | silent_frames(estimate, window, hop)
    return xp.where(silent, xp.nan, ratio)


def framewise_si_sdr(
    reference: _Array, estimate: _Array, window: int = 44_100, hop: int = 44_100
) -> _Array:
    """Scale-invariant SDR of every frame in dB, one scale per frame: [S T C], [S T C] -> [S F].

    NaN where the reference or the estimate of that source is silent.
    """
    xp, reference, estimate = _signals(reference, estimate)
    target = _split_frames(reference, window, hop)
    guess = _split_frames(estimate, window, hop)
    power = _energy(xp, target)
    scale = xp.sum(target * guess, axis=(2, 3)) / xp.where(power > 0, power, 1)
    scaled = scale[:, :, None, None] * target
    ratio = _decibels(xp, _energy(xp, scaled), _energy(xp, guess - scaled))
    defined = (power > 0) & (_energy(xp, guess) > 0)
    return xp.where(defined, ratio, xp.nan)


def si_sdr(reference: _Array, estimate: _Array) -> _Array:
    """Scale-invariant SDR of whole signals in dB: [S T C], [S T C] -> [S]."""
    length = reference.shape[1]
    return framewise_si_sdr(reference, estimate, length, length)[:, 0]


def museval_frame_count(length: int, window: int, hop: int) -> int:
    """Number of whole frames in `length` samples; at least one, as museval counts."""
    if length < 1 or window < 1 or hop < 1:
        raise BadInput(f"length, window and hop are {length}, {window}, {hop}; all must be >= 1.")
    return max(1, (length - window) // hop + 1)


def _split_frames(signal: _Array, window: int, hop: int) -> _Array:
    """Frames of a signal without padding: [S T C] -> [S F window C]; window <= T is enforced."""
    sources, length, channels = signal.shape
    count = museval_frame_count(length, window, hop)
    window = min(window, length)
    if hop == window:
        return signal[:, : count * hop].reshape(sources, count, window, channels)
    index = np.arange(count)[:, None] * hop + np.arange(window)
    return signal[:, index]


def silent_frames(signal: _Array, window: int, hop: int) -> _Array:
    """Frames in which some source is silent, [S T C] -> [F] bool.

    Silent is museval's word for a channel sum of exactly zero at every sample.
    """
    # Adding slices is several times faster than NumPy's sum over a short last axis.
    total = signal[:, :, :1]
    for c in range(1, signal.shape[2]):
        total = total + signal[:, :, c : c + 1]
    frames: Any = _split_frames(total, window, hop)
    return (frames == 0).all(axis=(2, 3)).any(axis=0)


def _signals(reference: Any, estimate: Any) -> tuple[ModuleType, Any, Any]:
    """jax.numpy where either signal is a JAX array or tracer, else numpy and float64."""
    if reference.shape != estimate.shape or reference.ndim != 3:
        raise BadInput(
            f"reference {reference.shape} and estimate {estimate.shape} must share a shape [S T C]."
        )
    if any(isinstance(x, jax.Array) for x in (reference, estimate)):
        return jnp, jnp.asarray(reference), jnp.asarray(estimate)
    return np, np.asarray(reference, np.float64), np.asarray(estimate, np.float64)


def _energy(xp: ModuleType, frames: _Array) -> _Array:
    """[S F window C] -> [S F]"""
    return xp.sum(frames * frames, axis=(2, 3))


def _decibels(xp: ModuleType, signal: _Array, error: _Array) -> _Array:
    """10 log10(signal / error), inf for no error."""
    ratio = signal / xp.where(error > 0, error, 1)
    safe = xp.where(ratio > 0, ratio, 1)
    return xp.where(error > 0, xp.where(ratio > 0, 10 * xp.log10(safe), -xp.inf), xp.inf)
