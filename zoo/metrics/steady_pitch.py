"""Pitch of a steady note against the pitch that it should have, audio [T] -> cents.

A convolutional vocoder maps constant frames to an output of the hop's period, so it plays such a
note at the nearest multiple of rate / hop; distances of log spectra hardly show it.
"""

from __future__ import annotations

import numpy as np

_REACH = 100  # cents on either side that are searched
HARMONICS = 10
_SILENCE = 1e-4  # -80 dB: below it there is no pitch


def cents_off(
    audio: np.ndarray, sample_rate: int, hertz: float, *, silence: float = _SILENCE
) -> float:
    """Signed error in cents of a note that should sound at `hertz`; NaN where it is silent.

    The candidate within a semitone of the pitch whose ten harmonics have the largest sum of
    magnitudes, of a Hann-windowed spectrum of a resolution below a cent. silence: the standard
    deviation below which nothing sounds; a constant is no sound.
    """
    audio = np.asarray(audio, np.float64)
    audio = audio - audio.mean()
    if audio.std() < silence:
        return float("nan")
    size = 1 << max(18, (4 * len(audio)).bit_length())
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), size))
    cents = np.arange(-_REACH, _REACH + 0.5, 0.5)
    numbers = np.arange(1, HARMONICS + 1)
    numbers = numbers[numbers * hertz < 0.45 * sample_rate]
    places = hertz * 2 ** (cents[:, None] / 1200) * numbers * size / sample_rate
    total = np.interp(places, np.arange(len(spectrum)), spectrum).sum(1)
    return float(cents[total.argmax()])
