"""A pitch curve to look at: a figure, and a page that plays the recording along it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zoo import tuning
from zoo.audio.blocks import open_song
from zoo.pages import html, own, recording

CONFIDENT = 0.5  # salience from which on a frame counts as voiced
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_STEPS = (1, 2, 3, 4, 6, 12, 24)  # semitones between two ticks
TICKS = 8  # at most
_MARGIN = 2  # semitones above and below the curve
_FILES = ("f0.csv", "f0.png")


def note_name(hertz: float) -> str:
    """The nearest key, for instance 440 -> A4."""
    number = round(float(tuning.note_of_hertz(hertz)))
    return f"{_NAMES[number % 12]}{number // 12 - 1}"


def compass(hertz: np.ndarray, confidence: np.ndarray) -> tuple[int, int]:
    """The lowest and the highest key of an axis around the voiced frames of a curve [F]."""
    voiced = hertz[(confidence >= CONFIDENT) & (hertz > 0)]
    notes = tuning.note_of_hertz(voiced) if len(voiced) else np.array([57.0, 69.0])
    return int(np.floor(notes.min())) - _MARGIN, int(np.ceil(notes.max())) + _MARGIN


def key_ticks(low: int, high: int) -> list[int]:
    """At most eight keys from low to high, evenly apart; Cs among them where it is octaves."""
    step = next((s for s in _STEPS if (high - low) // s < TICKS), _STEPS[-1])
    return [key for key in range(low, high + 1) if key % step == 0]


def tick_name(key: int) -> str:
    """For instance 'A4  440 Hz'."""
    hertz = float(tuning.hertz_of_note(key))
    return f"{_NAMES[key % 12]}{key // 12 - 1}  {hertz:.0f} Hz"


def curve_figure(times: np.ndarray, hertz: np.ndarray, confidence: np.ndarray) -> Any:
    """A matplotlib figure: the curve where it is confident, and the confidence below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    notes = tuning.note_of_hertz(np.maximum(hertz, 1))
    above.plot(times, np.where(confidence >= CONFIDENT, notes, np.nan), linewidth=1.2)
    low, high = compass(hertz, confidence)
    keys = key_ticks(low, high)
    above.set_yticks(keys, map(tick_name, keys), fontsize=8)
    above.set_ylim(low, high)
    above.grid(axis="y", linewidth=0.4)
    below.fill_between(times, confidence, alpha=0.4)
    below.axhline(CONFIDENT, color="grey", linewidth=0.8)
    below.set(ylim=(0, 1), ylabel="confidence", xlabel="s")
    return figure


def write_pitch_curve(
    path: str | Path, sound: str | Path, step: float, hertz: np.ndarray, confidence: np.ndarray
) -> Path:
    """The page of a curve [F] and its confidence [F], `step` seconds apart, with the recording."""
    song = open_song(Path(sound).expanduser())
    low, high = compass(hertz, confidence)
    notes = np.where(hertz > 0, tuning.note_of_hertz(np.maximum(hertz, 1)), 0)
    data = {
        "step": step,
        "seconds": song.length / song.rate,
        "confident": CONFIDENT,
        "notes": np.round(notes, 2).tolist(),
        "confidence": np.round(confidence, 2).tolist(),
        "low": low,
        "high": high,
        "ticks": [[key, tick_name(key)] for key in key_ticks(low, high)],
    }
    source = recording.recording_address(song, Path(path).parent)
    body = html.fill_template("pitch.html", source=source, confident=str(CONFIDENT))
    return own.write_page(path, song.path.name, body, files=_FILES, script="pitch.js", data=data)
