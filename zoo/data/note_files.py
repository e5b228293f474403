"""Notes of many pieces in one file: read once from scores or MIDI, then at hand at every start."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from zoo import durable
from zoo.data.note_rolls import Notes
from zoo.data.source import Example
from zoo.errors import BadInput

_COLUMNS = ("onset", "offset", "pitch", "velocity")
Pieces = Mapping[str, Sequence[tuple[str, Notes]]]  # by split: (track, its notes)


def store_pieces(path: Path, about: Mapping[str, Any], read: Callable[[], Pieces]) -> None:
    """Lets `read` give the pieces and writes them, unless they stand there, made from the same.

    about: what tells these pieces from others, as JSON.
    """
    if _is_current(path, about):
        return
    pieces = read()
    names = {split: [track for track, _ in listed] for split, listed in pieces.items()}
    notes = [own for listed in pieces.values() for _, own in listed]
    arrays: dict[str, Any] = {
        key: np.concatenate([np.asarray(own[key]) for own in notes]) for key in _COLUMNS
    }
    lengths = np.array([len(own["pitch"]) for own in notes])
    text = np.array(json.dumps({"about": dict(about), "names": names}))
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write_sealed(path, lambda file: np.savez(file, text=text, lengths=lengths, **arrays))
    _read.cache_clear()


def _is_current(path: Path, about: Mapping[str, Any]) -> bool:
    """Whether pieces made from the same stand there, undamaged."""
    if not durable.is_sound(path):
        return False
    with np.load(path, allow_pickle=False) as file:
        return json.loads(str(file["text"]))["about"] == json.loads(json.dumps(dict(about)))


def open_pieces(path: Path, split: str) -> Sequence[Example]:
    """Records {track, chunk, notes} of a split. raises BadInput where there are none."""
    if not durable.is_sound(path):
        raise BadInput(f"{path}: missing or damaged; prepare the data set again")
    found = _read(path).get(split)
    if not found:
        raise BadInput(f"{path} has no piece for '{split}': give more files")
    return found


@lru_cache(maxsize=4)
def _read(path: Path) -> dict[str, list[Example]]:
    with np.load(path, allow_pickle=False) as file:
        names = json.loads(str(file["text"]))["names"]
        arrays = {key: file[key] for key in _COLUMNS}
        edges = np.concatenate([[0], np.cumsum(file["lengths"])]).tolist()
    spans = pairwise(edges)
    return {
        split: [_record(track, arrays, *next(spans)) for track in tracks]
        for split, tracks in names.items()
    }


def _record(track: str, arrays: Mapping[str, np.ndarray], first: int, last: int) -> Example:
    notes = {key: arrays[key][first:last] for key in _COLUMNS}
    return {"track": track, "chunk": 0, "notes": notes}
