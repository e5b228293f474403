"""What a run made, in its page: samples by step, and separated songs beside their references."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo import numerals
from zoo.audio.blocks import open_song
from zoo.pages import sounds
from zoo.pages.html import data_uri
from zoo.pages.markup import escape_text, section, tag
from zoo.pages.sounds import (
    MIXER_HELP,
    AudioBudget,
    MixerTrack,
    mixer_of,
    player,
    read_sound,
    spectrogram_png,
)

_COLUMNS = 6  # steps shown side by side
ROLES = ("mixture", "estimated", "reference")
_SAMPLES = "What the model made at these steps; loudness is as it came out."


def audio_budget(directory: Path) -> AudioBudget:
    """Lossless where all sounds of the run fit so: an encoder's artefacts are not the model's."""
    songs = [open_song(path) for path in directory.glob("samples/**/*.wav")]
    songs += [open_song(path) for path in directory.glob("figures/*.wav")]
    size = sum(song.length * song.channels * 2 for song in songs)  # 16 bit
    return AudioBudget(directory, lossless=size <= sounds.BUDGET * 0.75, left=sounds.BUDGET)


def sample_players(directory: Path, stand: AudioBudget) -> str:
    """RUN/samples/STEP/*.wav: a column per step, at most six, the last one included."""
    folders = [p for p in (directory / "samples").glob("*") if p.is_dir() and p.name != "stems"]
    folders = sorted((p for p in folders if any(p.glob("*.wav"))), key=_by_step)
    if not folders:
        return ""
    if len(folders) > _COLUMNS:
        chosen = np.linspace(0, len(folders) - 1, _COLUMNS).round().astype(int)
        folders = [folders[index] for index in chosen]
    columns = [
        tag(
            "div",
            tag("h3", escape_text(_step_name(folder.name))),
            *(player(path, stand) for path in sorted(folder.glob("*.wav"))),
        )
        for folder in folders
    ]
    style = f"--columns:{len(columns)}"
    return section("Samples", tag("div", *columns, class_="steps", style=style), lead=_SAMPLES)


def _by_step(folder: Path) -> tuple[int, str]:
    return (int(folder.name), "") if numerals.is_count(folder.name) else (1 << 60, folder.name)


def _step_name(name: str) -> str:
    return f"step {int(name):,}" if numerals.is_count(name) else name.replace("_", " ")


def stem_players(directory: Path, stand: AudioBudget) -> str:
    """RUN/samples/stems/SONG/*.wav: mixture, estimates, and NAME.reference as mixers."""
    folders = sorted(p for p in (directory / "samples" / "stems").glob("*") if p.is_dir())
    mixers = [_mixer(folder, stand) for folder in folders if any(folder.glob("*.wav"))]
    return section("Separated songs", *mixers, lead=MIXER_HELP)


def _mixer(folder: Path, stand: AudioBudget) -> str:
    """One song's mixture, stems and references, played in sync."""
    tracks, seconds = [], 0.0
    for path in sorted(folder.glob("*.wav"), key=lambda path: (_role(path), path.name)):
        audio, rate = read_sound(path)
        seconds = max(seconds, len(audio) / rate)
        picture = data_uri(spectrogram_png(audio, rate, 900, 56), "image/png")
        name = path.stem.removesuffix(".reference")
        tracks.append(MixerTrack(name, stand.place(path, audio, rate), picture, ROLES[_role(path)]))
    return mixer_of(folder.name, tracks, seconds)


def _role(path: Path) -> int:
    """What went in, what came out, what was meant."""
    if path.stem in ("mixture", "mix"):
        return 0
    return 2 if path.stem.endswith(".reference") else 1
