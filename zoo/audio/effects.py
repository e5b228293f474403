"""What may befall a recording: another tempo, another pitch, compression, noise, [T C] -> [T' C].

Stretching and shifting are librosa's phase vocoder.
"""

from __future__ import annotations

import numpy as np

# Levels in dB and what becomes of them: two of muda's presets (McFee et al., ISMIR 2015), which are
# those of Dolby's encoders as sox's compand takes them.
PRESETS = {
    "music standard": ((-90, -70, -55, -31, -21, 0), (-90, -58, -43, -31, -21, -20)),
    "speech": ((-90, -70, -50, -31, -21, 0), (-90, -55, -35, -31, -21, -20)),
}
_ATTACK, DECAY, DELAY = 0.1, 0.3, 0.1  # s, of these presets


def stretched(audio: np.ndarray, rate: int, speed: float) -> np.ndarray:
    """Faster (speed > 1) or slower at the same pitch; round(T / speed) samples."""
    import librosa

    made = librosa.effects.time_stretch(audio.T, rate=speed)
    return np.ascontiguousarray(made.T, np.float32)


def pitch_shift(audio: np.ndarray, rate: int, semitones: float) -> np.ndarray:
    """Higher or lower at the same tempo and length."""
    import librosa

    made = librosa.effects.pitch_shift(audio.T, sr=rate, n_steps=semitones)
    return np.ascontiguousarray(made.T, np.float32)


def compressed(audio: np.ndarray, rate: int, preset: str) -> np.ndarray:
    """Dynamic range compression, as sox's compand does it, of each channel on its own.

    The level follows the magnitude, up in ATTACK and down in DECAY, from full scale at the start;
    it is looked at DELAY ahead. Between the preset's levels gains are linear in dB.
    """
    before, after = (np.array(one, float) for one in PRESETS[preset])
    ahead = round(DELAY * rate)
    made = np.empty_like(audio, np.float32)
    for channel in range(audio.shape[1]):
        level = np.pad(follow_level(np.abs(audio[:, channel]), rate), (0, ahead), "edge")[ahead:]
        decibels = 20 * np.log10(np.maximum(level, 1e-12))
        gain = np.interp(decibels, before, after - before)
        made[:, channel] = np.clip(audio[:, channel] * 10 ** (gain / 20), -1, 1)
    return made


def follow_level(magnitude: np.ndarray, rate: int) -> np.ndarray:
    """The level of a magnitude [T] over time, [T] float64."""
    up, down = (1 - np.exp(-1 / (rate * time)) for time in (_ATTACK, DECAY))
    level, found = 1.0, []
    for value in magnitude.tolist():  # each depends on the one before: no array operation does it
        apart = value - level
        level += apart * (up if apart > 0 else down)
        found.append(level)
    return np.array(found)


def add_noise(audio: np.ndarray, rate: int, weight: float, seed: int) -> np.ndarray:
    """(1 - weight) of the recording and `weight` of white noise of the recording's own RMS."""
    noise = np.random.default_rng(seed).standard_normal(audio.shape)
    rms = np.sqrt(np.mean(np.square(audio, dtype=np.float64)))
    return ((1 - weight) * audio + weight * rms * noise).astype(np.float32)
