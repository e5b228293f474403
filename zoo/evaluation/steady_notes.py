"""Pitch errors of a vocoder on steady notes, in cents."""

from __future__ import annotations

import numpy as np

from zoo.metrics import steady_pitch
from zoo.tuning import hertz_of_note

_LOWEST, _NOTES, _STEP = 48, 37, 7  # C3 to C6; fifths, so that a few notes already span it all
_LEVEL = 0.2  # largest amplitude of the fundamental
_FADE = 0.02  # seconds
_AUDIBLE = 0.01  # of the tone's level, -40 dB: what is softer is residue and has no pitch
CLOSE = 20.0  # cents that a listener accepts


def scale(rows: int, samples: int, sample_rate: int) -> tuple[np.ndarray, list[list[float]]]:
    """(audio [B T 1] float32, the notes of every row in Hz): harmonic tones of a second each.

    Rows shorter than a second hold one note each.
    """
    each = max(samples // sample_rate, 1)
    length = samples // each
    audio = np.zeros((rows, samples, 1), np.float32)
    hertz: list[list[float]] = []
    for row in range(rows):
        numbers = (np.arange(row * each, (row + 1) * each) * _STEP) % _NOTES + _LOWEST
        hertz.append(hertz_of_note(numbers).tolist())
        for place, pitch in enumerate(hertz[-1]):
            tone = harmonic_tone(pitch, length, sample_rate)
            audio[row, place * length : (place + 1) * length, 0] = tone
    return audio, hertz


def harmonic_tone(hertz: float, length: int, sample_rate: int) -> np.ndarray:
    """Ten harmonics of falling level, faded in and out, -> [T] float64."""
    time = np.arange(length) / sample_rate
    numbers = np.arange(1, steady_pitch.HARMONICS + 1)
    numbers = numbers[numbers * hertz < 0.45 * sample_rate]
    tone = (np.sin(2 * np.pi * hertz * time[:, None] * numbers) / numbers).sum(1)
    ramp = np.minimum(np.minimum(time, time[::-1]) / _FADE, 1.0)
    return _LEVEL * tone * ramp


def errors(audio: np.ndarray, hertz: list[list[float]], sample_rate: int) -> np.ndarray:
    """Cents off of every note of [B T 1], from the middle three fifths of it; NaN where silent.

    A note 40 dB below the tone that it copies counts as silent.
    """
    found = []
    for row, pitches in zip(audio, hertz):
        length = len(row) // len(pitches)
        for place, pitch in enumerate(pitches):
            middle = slice(length // 5, length // 5 + 3 * length // 5)
            note = row[place * length : (place + 1) * length, 0][middle]
            tone = harmonic_tone(pitch, length, sample_rate)[middle]
            soft = _AUDIBLE * float(tone.std())
            found.append(steady_pitch.cents_off(note, sample_rate, pitch, silence=soft))
    return np.array(found)


def note_error_scores(off: np.ndarray) -> dict[str, float]:
    """Median size of the errors in cents, and the share of notes within 20 cents."""
    defined = np.abs(off[np.isfinite(off)])
    median = float(np.median(defined)) if len(defined) else float("nan")
    return {"cents_off": median, "within_20_cents": float((defined <= CLOSE).sum() / len(off))}
