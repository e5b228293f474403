"""Harmonic band-pass filters: triangles on FFT bins at multiples of the notes of a scale.

Won, Chun, Nieto, Serra: "Data-driven harmonic filters for audio representation learning", ICASSP
2020. Bandwidths follow the equivalent rectangular bandwidth of hearing (Glasberg and Moore 1990).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from zoo.tuning import hertz_of_note, note_of_hertz

C1 = 24  # MIDI number of the lowest note, 32.7 Hz


def harmonic_centres(sample_rate: int, harmonics: int = 6, steps: int = 2) -> np.ndarray:
    """Centres in Hz of the bands of every harmonic, -> [H L] float64.

    From C1 upwards in `steps` to a semitone, to below the note nearest to the frequency whose
    `harmonics`-th multiple is half the rate.
    """
    top = round(float(note_of_hertz(sample_rate / (2 * harmonics))))
    midi = C1 + np.arange((top - C1) * steps) / steps
    return np.arange(1, harmonics + 1)[:, None] * hertz_of_note(midi)


def harmonic_filters(q: jax.Array, centres: np.ndarray, bins: int, sample_rate: int) -> jax.Array:
    """Triangles of height one, q [] and centres [H L] -> [N H L] for N = `bins` of the spectrum.

    q divides all bandwidths, 0.1079 f + 24.7 Hz, from foot to foot.
    """
    hertz = np.linspace(0, sample_rate // 2, bins)[:, None, None]
    width = (0.1079 * centres + 24.7) / q
    away = jnp.abs((hertz - centres).astype(np.float32))
    return jnp.maximum(0.0, 1.0 - 2.0 * away / width)
