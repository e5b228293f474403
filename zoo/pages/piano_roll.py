"""A piano roll to look at: a figure, and a page that plays the recording or the notes along it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo import escapes
from zoo.audio.blocks import open_song
from zoo.data.note_rolls import Notes
from zoo.pages import html, own, recording

_FILES = ("notes.mid", "notes.csv", "roll.png")
_LINE, _LINES = 20.0, 24  # seconds a line of the figure shows; at most so many lines


def roll_figure(notes: Notes, seconds: float) -> Any:
    """A matplotlib figure: the piano roll in lines of 20 s (longer ones for long music)."""
    from matplotlib.figure import Figure

    span = max(_LINE, math.ceil(seconds / _LINES))
    count = max(math.ceil(seconds / span), 1)
    figure = Figure(figsize=(12, 0.6 + 1.7 * count), layout="constrained")
    compass = _compass(notes)
    for line, axes in enumerate(figure.subplots(count, 1, squeeze=False)[:, 0]):
        _draw(axes, notes, (line * span, (line + 1) * span), compass)
    axes.set_xlabel("s", fontsize=8)
    return figure


def compared_figure(versions: Mapping[str, Notes], seconds: float) -> Any:
    """A matplotlib figure: several versions of the same music, one above the other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.6 * len(versions)))
    compass = _compass(*versions.values())
    rows = figure.subplots(len(versions), 1, squeeze=False, sharex=True)[:, 0]
    for (name, notes), axes in zip(versions.items(), rows):
        _draw(axes, notes, (0.0, seconds), compass)
        axes.set_title(escapes.label(name), loc="left", fontsize=9)
    axes.set_xlabel("s", fontsize=8)
    return figure


def _draw(axes: Any, notes: Notes, span: tuple[float, float], compass: tuple[int, int]) -> None:
    """The notes that sound within the span (s), darker where louder."""
    low, high = compass
    here = (notes["onset"] < span[1]) & (notes["offset"] > span[0])
    onset, pitch = notes["onset"][here], notes["pitch"][here]
    axes.barh(
        pitch,
        notes["offset"][here] - onset,
        left=onset,
        height=0.9,
        color=[(0.12, 0.3, 0.55, 0.25 + 0.75 * v / 127) for v in notes["velocity"][here]],
    )
    octaves = [p for p in range(low, high + 1) if p % 12 == 0]
    axes.set_yticks(octaves, [f"C{p // 12 - 1}" for p in octaves], fontsize=7)
    axes.set(xlim=span, ylim=(low - 0.5, high + 0.5))
    axes.grid(axis="y", linewidth=0.4)
    axes.tick_params(axis="x", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _compass(*versions: Notes) -> tuple[int, int]:
    pitches = np.concatenate([notes["pitch"] for notes in versions])
    return (int(pitches.min()) - 2, int(pitches.max()) + 2) if len(pitches) else (48, 84)


def write_piano_roll(path: str | Path, sound: str | Path, notes: Notes, seconds: float) -> Path:
    """A page without anything from elsewhere: player, piano roll, and the notes as audio.

    A large recording is laid beside the page.
    """
    song = open_song(Path(sound).expanduser())
    rows = np.stack([notes["onset"], notes["offset"], notes["pitch"], notes["velocity"]], 1).round(
        3
    )
    low, high = _compass(notes)
    data = {"notes": rows.tolist(), "low": low, "high": high, "seconds": seconds}
    body = html.fill_template(
        "roll.html", source=recording.recording_address(song, Path(path).parent)
    )
    return own.write_page(path, song.path.name, body, files=_FILES, script="roll.js", data=data)
