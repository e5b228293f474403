"""What a demonstration gives: a table, a figure and sounds for each point that it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoo import escapes, writing
from zoo.audio import audio_writing
from zoo.interpret import files
from zoo.pages import html, own
from zoo.pages.markup import escape_text, html_table, pairs, section, tag
from zoo.pages.sounds import BUDGET, AudioBudget, player


@dataclass(frozen=True)
class PlayedSound:
    """A sound [T] at `rate` Hz that stands in the page under `label`."""

    label: str
    audio: np.ndarray
    rate: int


@dataclass(frozen=True)
class Part:
    """One point. lead: what there is to see. figure: of matplotlib. head, rows: of a table."""

    name: str
    title: str
    lead: str
    figure: Any = None
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    sounds: Sequence[PlayedSound] = ()


@dataclass(frozen=True)
class Demonstration:
    """All of it. facts: name -> text, below the title. numbers: arrays for an NPZ."""

    kind: str
    title: str
    facts: Mapping[str, str]
    parts: Sequence[Part]
    numbers: Mapping[str, Any] = field(default_factory=dict)


def write_demonstration(shown: Demonstration, folder: Path) -> list[str]:
    """KIND.html, KIND.npz, and a PNG and WAVs of every part; a line about each."""
    with writing.hold_lock(folder / shown.kind):
        made, bodies = [], []
        stand = AudioBudget(folder, lossless=False, left=BUDGET, beside="")
        for part in shown.parts:
            inside, lines = _laid(part, folder, f"{shown.kind}_{part.name}", stand)
            bodies.append(section(part.title, *inside, lead=part.lead))
            made += lines
        archive = folder / f"{shown.kind}.npz"
        made.append(files.archive(archive, shown.numbers))
        body = pairs({name: escape_text(value) for name, value in shown.facts.items()}) + "".join(
            bodies
        )
        page = own.write_page(
            folder / f"{shown.kind}.html", shown.title, body, files=(archive.name,)
        )
        return [*made, f"{page}: the page"]


def _laid(part: Part, folder: Path, stem: str, stand: AudioBudget) -> tuple[list[str], list[str]]:
    """(pieces of HTML, lines) of a part, whose files are written."""
    inside, lines = [], []
    if part.rows:
        inside.append(html_table(part.head, part.rows))
    if part.figure is not None:
        path = folder / f"{stem}.png"
        lines.append(files.write_picture(path, part.figure, part.title))
        address = html.data_uri(path.read_bytes(), "image/png")
        inside.append(
            tag("div", f'<img src="{address}" alt="{escape_text(part.title)}">', class_="plate")
        )
    for one in part.sounds:
        name = re.sub(r"[^\w-]+", "_", one.label)
        path = folder / escapes.file_name(f"{stem}_{name}.wav")
        audio_writing.write_audio(path, one.audio[:, None], one.rate, "PCM_16", overwrite=True)
        inside.append(player(path, stand, one.label))
        lines.append(f"{path}: {len(one.audio) / one.rate:.1f} s")
    return inside, lines


def at_level(audio: np.ndarray, rms: float = 0.05) -> np.ndarray:
    """[T] at that RMS, lowered where it would exceed full scale; silence stays."""
    level = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
    scaled = np.asarray(audio, np.float32) * np.float32(rms / level if level > 0 else 1.0)
    return scaled / max(1.0, float(np.abs(scaled).max(initial=0.0)) / 0.99)
