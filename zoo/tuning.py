"""Equal temperament and the keys of a piano: MIDI note numbers <-> Hz, of any array."""

from __future__ import annotations

from typing import Any

import numpy as np

A4, CONCERT_PITCH = 69, 440.0  # the note, and its frequency in Hz
LOWEST_KEY, PIANO_KEYS = 21, 88  # A0 to C8


def hertz_of_note(note: Any) -> Any:
    """MIDI note numbers to frequencies, [...] -> [...] Hz; 69 is 440 Hz.

    Numbers, lists and NumPy's arrays give float64, JAX's arrays (traced ones too) JAX's own float.
    """
    return CONCERT_PITCH * 2.0 ** ((_floats(note) - A4) / 12.0)


def note_of_hertz(hertz: Any) -> Any:
    """Frequencies above zero to fractional MIDI note numbers, [...] Hz -> [...]; types as above."""
    floats = _floats(hertz)
    return A4 + 12.0 * floats.__array_namespace__().log2(floats / CONCERT_PITCH)


def _floats(values: Any) -> Any:
    space = values.__array_namespace__() if hasattr(values, "__array_namespace__") else np
    return space.asarray(values, dtype=float)
