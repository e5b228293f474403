"""Noise that a generator has to be better than: white, and of the music's own spectrum."""

from __future__ import annotations

import numpy as np


def white(clips: np.ndarray, seed: int = 0) -> np.ndarray:
    """Normal noise of the mean power of clips [N T 1], as many and as long."""
    level = np.sqrt(np.mean(np.square(clips, dtype=np.float64)))
    return (level * _noise(clips.shape, seed)).astype(np.float32)


def spectrum_matched_noise(clips: np.ndarray, seed: int = 0) -> np.ndarray:
    """Normal noise whose power spectrum is the mean of those of clips [N T 1], as many, as long."""
    power = np.mean(np.abs(np.fft.rfft(clips.astype(np.float64), axis=1)) ** 2, axis=0)
    spectrum = np.fft.rfft(_noise(clips.shape, seed), axis=1) * np.sqrt(power / clips.shape[1])
    return np.fft.irfft(spectrum, clips.shape[1], axis=1).astype(np.float32)


def _noise(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)
