"""What other systems of the zoo do with a held-out take of a run's data, for the run's page.

The end of the first command: a tagger, a separator and a generator, none trained by this run. The
tagger is musicnn by its published weights where these are on the machine, else one of the zoo's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from zoo import durable, escapes
from zoo.data.score_render import ode
from zoo.evaluation.base import unpadded_audio
from zoo.front import finding
from zoo.front.system import System
from zoo.pretrained import index, obtain
from zoo.report import figures
from zoo.report.examples import folder_name
from zoo.report.results import held_out
from zoo.runs.trained import Trained
from zoo.songs.taggram import taggram_figure

_PUBLISHED, TAGGER = "musicnn_mtt", "zoo/resemul"
SEPARATOR, _GENERATOR = "zoo/wave_unet", "zoo/midi_wavenet"
_NOTES = 8  # of the tune, two bars of it
_TEMPERATURE = 0.5  # safer than learnt, as its guide has it
_LICENCE = "licence of its weights"


def make_other_examples(found: Trained, directory: Path) -> None:
    """Tags, stems and a sample into RUN/figures and RUN/samples; what fails is said in a line."""
    if jax.process_count() > 1:
        return
    track, audio = _take(found)
    rate = found.experiment.data.source.info.sample_rate
    acts: tuple[Callable[[], None], ...] = (
        lambda: _tag(default_tagger(), audio, rate, track, directory),
        lambda: _separate(finding.load_system(SEPARATOR), audio, rate, track, directory),
        lambda: _generate(finding.load_system(_GENERATOR), directory),
    )
    for act in acts:
        try:
            act()
        except Exception as error:  # the run is whole without
            line = escapes.terminal_line(f"left out of the page: {type(error).__name__}: {error}")
            print(line[:300], file=sys.stderr)


def _take(found: Trained) -> tuple[str, np.ndarray]:
    """(name, audio [T C]) of the held-out take in which most is labelled: all of its clips."""
    source = found.experiment.data.source
    records = source.open(held_out(source))
    fullest = max(records, key=lambda record: int(record["tags"].sum()))["track"]
    clips = [unpadded_audio(record) for record in records if record["track"] == fullest]
    return str(fullest), np.concatenate(clips)


def default_tagger() -> System:
    """Published weights that need no network, or our own."""
    there = obtain.kept_file(index.find_published(_PUBLISHED)).is_file()
    return finding.load_system(_PUBLISHED if there else TAGGER)


def _tag(model: System, audio: np.ndarray, rate: int, track: str, directory: Path) -> None:
    """figures/other_tagger.png with its sound."""
    figure = taggram_figure(model.tags_over_time(audio, rate))
    folder = directory / "figures"
    about = {"sound": "other_tagger.wav", "span": figures.axes_extent(figure, figure.axes[0])}
    title = f"Another tagger on a test take: {model.name}"
    caption = f"{track}; {_licence(model)}."
    figures.save_figure(figure, folder / "other_tagger.png", title=title, caption=caption, **about)
    figures.write_wav(folder / "other_tagger.wav", audio, rate)


def _separate(model: System, audio: np.ndarray, rate: int, track: str, directory: Path) -> None:
    """samples/stems/TRACK by NAME: the take and its stems."""
    folder = directory / "samples" / "stems" / folder_name(f"{track} by {model.name}")
    for name, stem in {"mixture": audio, **model.separate(audio, rate)}.items():
        figures.write_wav(folder / f"{folder_name(name)}.wav", stem, rate)


def _generate(model: System, directory: Path) -> None:
    """figures/other_generator.png with its sound: the tune, played by the model."""
    from zoo.pages.sounds import spectrogram_png

    tune = {name: values[:_NOTES] for name, values in ode.tune_notes().items()}
    audio = model.perform(tune, temperature=_TEMPERATURE)
    place = directory / "figures" / "other_generator.png"
    figures.write_wav(place.with_suffix(".wav"), audio, model.sample_rate)
    durable.write_atomically(place, spectrogram_png(audio, model.sample_rate, 900, 160))
    about = {
        "title": f"A generator: {model.name} plays a tune from its notes",
        "caption": f"Beethoven, Ode to Joy; seed 0, temperature {_TEMPERATURE:g}; "
        f"{_licence(model)}.",
        "sound": place.with_suffix(".wav").name,
    }
    durable.write_atomically(place.with_suffix(".json"), json.dumps(about, indent=1) + "\n")


def _licence(model: System) -> str:
    return f"{_LICENCE}: {model.trained.meta['licence']}"
