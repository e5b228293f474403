"""What a composer makes by now, for the page of its run: pieces as sound and MIDI, a piano roll."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.objectives import performing
from zoo.objectives.base import Performance, Request, composer
from zoo.pages.piano_roll import roll_figure
from zoo.report import figures
from zoo.runs.trained import Trained
from zoo.songs.midi_files import write_midi

_SECONDS, COUNT = 20.0, 2


def write_compositions(
    found: Trained, folder: Path, *, seconds: float = _SECONDS, count: int = COUNT
) -> list[Path]:
    """FOLDER/sample_V.wav of as many pieces, each with its .mid: the sounds."""
    request = _asked(found, seconds, count)
    objective = composer(found.experiment.objective)
    files: list[Path] = []
    for voice, performance in enumerate(objective.compose(found.variables, request)):
        files.append(folder / f"sample_{voice}.wav")
        _write_sound(found, files[-1], performance, request)
        write_midi(files[-1].with_suffix(".mid"), performance.notes)
    return files


def write_roll(found: Trained, folder: Path) -> None:
    """composition.png with its sound beside it: one more piece as a piano roll."""
    request = _asked(found, _SECONDS, 1)
    (performance,) = composer(found.experiment.objective).compose(found.variables, request)
    figure = roll_figure(performance.notes, _SECONDS)
    span = figures.axes_extent(figure, figure.axes[0])
    about = {"sound": "composition.wav", "span": span}
    caption = f"{len(performance.notes['pitch'])} notes in {_SECONDS:.0f} s, out of nothing."
    place = folder / "composition.png"
    figures.save_figure(figure, place, title="A composition", caption=caption, **about)
    _write_sound(found, folder / "composition.wav", performance, request)


def _asked(found: Trained, seconds: float, count: int) -> Request:
    rate = found.experiment.data.source.info.sample_rate
    length = int(seconds * rate)
    return Request(length=length, count=count, chunk=length)


def _write_sound(found: Trained, path: Path, performance: Performance, request: Request) -> None:
    instrument = composer(found.experiment.objective).instrument
    audio = np.concatenate(
        list(performing.render_performances([performance], instrument, request)), 1
    )
    figures.write_wav(path, audio[0], found.experiment.data.source.info.sample_rate)
