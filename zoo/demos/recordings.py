"""What demonstrations work on: a user's file or folder of stems, or the embedded eight bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.audio.audio_files import SILENCE, taken_suffixes
from zoo.audio.blocks import open_song, read_blocks
from zoo.errors import BadInput

MIXTURES = ("mixture", "mix")  # names of files that hold the sum of the stems beside them
_SHORTEST = 0.5  # seconds


def read_excerpt(path: Path | None, start: float, seconds: float) -> tuple[np.ndarray, int, str]:
    """(mono [T], rate, name) of a recording; without a path of the embedded piano."""
    if path is None:
        from zoo.data.score_render import ode

        whole = ode.embedded_pieces()["piano"][:, 0]
        return _cut(whole, ode.RATE, start, seconds, "the embedded piano"), ode.RATE, ode.LICENCE
    audio, rate = _read(path, start, seconds)
    _require(audio, rate, start, path.name)
    if np.abs(audio).max() < SILENCE:
        raise BadInput(f"{path} is silent from {start:g} s on: give another --start")
    return audio, rate, path.name


def read_stems(
    folder: Path | None, start: float, seconds: float
) -> tuple[dict[str, np.ndarray], int, str]:
    """({stem: mono [T]}, rate, name) of a folder with a file a stem, or of the embedded band.

    A file called mixture is left out, ends are filled with zeros. BadInput: fewer than two stems,
    or stems of several rates.
    """
    if folder is None:
        from zoo.data.score_render import ode

        played = {name: x[:, 0] for name, x in ode.band_stems().items()}
        found = {name: _cut(x, ode.RATE, start, seconds, name) for name, x in played.items()}
        return found, ode.RATE, ode.LICENCE
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder: give one with a file for each stem")
    paths = sorted(p for p in folder.iterdir() if p.is_file() and _is_audio(p))
    chosen = {p.stem: p for p in paths if p.stem.lower() not in MIXTURES}
    if len(chosen) < 2:
        raise BadInput(f"{folder} holds {len(chosen)} stems: give a folder of two or more")
    read = {name: _read(path, start, seconds) for name, path in chosen.items()}
    rates = sorted({rate for _, rate in read.values()})
    if len(rates) > 1:
        raise BadInput(f"{folder}: its stems are of {rates} Hz: let all be of one rate")
    longest = max(len(x) for x, _ in read.values())
    found = {name: np.pad(x, (0, longest - len(x))) for name, (x, _) in read.items()}
    _require(sum(found.values(), np.zeros(longest)), rates[0], start, str(folder))
    return found, rates[0], folder.name


def _is_audio(path: Path) -> bool:
    return path.name[0] != "." and path.suffix.lower() in taken_suffixes()


def _read(path: Path, start: float, seconds: float) -> tuple[np.ndarray, int]:
    """The mean of the channels from `start` on, [T], and its rate."""
    song = open_song(path)
    first, count = round(start * song.rate), round(seconds * song.rate)
    kept, length = [np.zeros(0, np.float32)], 0
    for block in read_blocks(song):
        kept.append(block.mean(1)[max(0, first - length) :])
        length += len(block)
        if length >= first + count:
            break
    return np.concatenate(kept)[:count], song.rate


def _cut(x: np.ndarray, rate: int, start: float, seconds: float, name: str) -> np.ndarray:
    audio = x[round(start * rate) : round((start + seconds) * rate)]
    _require(audio, rate, start, name)
    return audio


def _require(audio: np.ndarray, rate: int, start: float, name: str) -> None:
    if len(audio) < _SHORTEST * rate:
        raise BadInput(
            f"{name} has {len(audio) / rate:.2f} s from {start:g} s on: {_SHORTEST:g} are needed"
        )
