"""Records on the disk: int16 PCM in ArrayRecord files that TFDS describes, without TensorFlow.

A record is a piece of a track: audio [T C] or stems [S T C], with `track` (its name), `chunk` (its
number), `chunks` (how many the track has) and `length` (samples before any padding). Pieces of one
track lie next to each other, in order. `zoo.data.builder` writes them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from zoo import places
from zoo.data import descriptions
from zoo.data import tracks as indexed
from zoo.data.completeness import Listed
from zoo.data.source import Example, RandomAccess
from zoo.data.tracks import TIME_AXIS
from zoo.errors import BadInput

SPLITS = ("train", "validation", "test")
VERSION = "1.0.0"  # of how records are written


def data_dir() -> Path:
    """Where prepared data lie: $ZOO_DATA_DIR, else ~/.local/share/waveform-zoo."""
    return places.data()


def directory(name: str, root: str | os.PathLike[str] = "") -> Path:
    """The folder in which the builder leaves the records called `name`."""
    return (Path(root).expanduser() if root else data_dir()) / "waveform_records" / name / VERSION


class NoSplit(BadInput):
    """The files were too few, or their shares such, that nothing fell into a split."""


@dataclass(frozen=True)
class Records(RandomAccess):
    """Random access to the records of one split. Cheap to pickle, so workers may each hold one."""

    directory: str
    split: str
    source: Any  # a TFDS data source

    def __len__(self) -> int:
        return len(self.source)

    def record(self, index: int) -> Example:
        try:
            return _plain(self.source[index])
        except (OSError, RuntimeError, ValueError, IndexError) as error:
            raise BadInput(
                f"{self.directory}: record {index} of '{self.split}' is damaged ({_line(error)}): "
                "delete that folder and prepare the data again."
            ) from error

    def track_index(self) -> tuple[indexed.Track, ...]:
        """Where the tracks of the split lie."""
        return self._index

    def window(
        self,
        track: indexed.Track,
        start: int,
        samples: int,
        stagger: int,
        rng: np.random.Generator,
        into: Example | None = None,
    ) -> Example:
        """A part of a track across the borders of records: see `zoo.data.tracks.read_window`."""
        return indexed.read_window(self, track, start, samples, stagger, rng, into)

    @cached_property
    def _index(self) -> tuple[indexed.Track, ...]:
        return indexed.read_track_index(Path(self.directory), self.split)


def metadata(folder: Path) -> dict[str, Any]:
    """What the builder stored about the records in a folder; {} where there are none."""
    try:
        return json.loads((folder / "metadata.json").read_text())
    except (OSError, ValueError):
        return {}


def serve_alone(root: Path, folder: Path, allowed: float = 0.0) -> bool:
    """Whether the originals are gone but records made from that very place there: says so.

    allowed: the share of the data set that may be missing. raises BadInput where the records come
    from elsewhere, or lack more.
    """
    if root.expanduser().is_dir() or not folder.is_dir():
        return False
    stored = metadata(folder)
    source = stored.get("about", {}).get("source", "an unknown place")
    if source != os.path.realpath(root.expanduser()):
        raise BadInput(
            f"{root}: no such folder; the records in {folder} were made from {source}: give that."
        )
    listed = Listed(
        int(stored.get("listed", 0)), int(stored.get("missing", 0)), "", stored.get("unit", "files")
    )
    if listed.exceeds(allowed):
        raise BadInput(
            f"{root}: no such folder, and of the records made from it {listed}: bring it back, or "
            f"allow_missing={listed.share:g} takes what is there."
        )
    print(f"{source} is gone: the records made from it are used, in {folder}", file=sys.stderr)
    print_split_notice(folder)
    return True


def print_split_notice(folder: Path) -> None:
    """Prints how records that are there already came to their splits, and what is to be minded."""
    stored = metadata(folder)
    name = stored.get("name", folder.parent.name)
    warnings = [f"warning: {note}" for note in stored.get("notes", ())]
    for line in filter(None, (stored.get("rule", ""), *warnings)):
        print(f"{name}: {line}", file=sys.stderr)


def open_records(directory: str | os.PathLike[str], split: str) -> Records:
    """The records of a split, 'train' or with a TFDS slice 'train[:10%]'.

    raises NoSplit when nothing fell into it, BadInput when there are no records at all, or when a
    file holds fewer than dataset_info.json promises (a truncated ArrayRecord file opens as an empty
    one, without an error).
    """
    folder = Path(directory)
    if not (folder / "dataset_info.json").is_file():
        raise BadInput(f"No records in {folder}: prepare the data set first.")
    if spoilt := descriptions.damage(folder):
        raise BadInput(f"{folder / spoilt} is damaged: prepare the data again, or restore a copy.")
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(folder)
    base = split.split("[")[0]
    if base not in builder.info.splits:
        there = ", ".join(f"'{name}'" for name in builder.info.splits)
        raise NoSplit(f"{folder} has no split '{base}': it has {there}; give three files or more.")
    _check_counts(builder.info.splits[base])
    return Records(str(folder), split, builder.as_data_source(split))


def join_tracks(records: Sequence[Example]) -> Iterator[Example]:
    """Whole tracks, one at a time in memory: chunks joined along time, padding taken off.

    Other fields are those of the first chunk. Records without `chunks` and `length` (one record is
    one track) pass through. raises BadInput where a chunk is missing.
    """
    for name, chunks in groupby(records, key=lambda record: record["track"]):
        pieces = list(chunks)
        first = pieces[0]
        numbers = [int(piece["chunk"]) for piece in pieces]
        if numbers != list(range(int(first.get("chunks", len(pieces))))):
            raise BadInput(f"Track '{name}' has chunks {numbers}, not all in order: prepare again.")
        if "notes" in first and len(pieces) > 1:
            raise BadInput(f"Track '{name}': notes of several chunks cannot be joined.")
        joined = {key: _join(key, pieces) for key in TIME_AXIS if key in first}
        yield {**first, **joined, "chunk": 0, "chunks": 1, "length": _length(joined)}


def cut_chunks(example: Example, shortest: int) -> Iterator[Example]:
    """A whole track as chunks of equal length, each of `shortest` to 2 x `shortest` samples.

    Equal chunks, rather than full ones and a rest, let a crop of up to `shortest` samples fall
    into any of them, evenly. A track below `shortest` is padded with zeros: `length` tells.
    shortest 0: one chunk.
    """
    samples, count = _length(example), chunk_count(example, shortest)
    edges = [samples * i // count for i in range(count + 1)]
    for chunk, (start, stop) in enumerate(pairwise(edges)):
        arrays = {
            key: _pad(_part(example[key], start, stop, axis), shortest, axis)
            for key, axis in TIME_AXIS.items()
            if key in example
        }
        numbers = {"chunk": chunk, "chunks": count, "length": stop - start}
        yield {**example, **arrays, **numbers}


def chunk_count(example: Example, shortest: int) -> int:
    """How many chunks `cut_chunks` makes of a track."""
    return max(1, _length(example) // shortest) if shortest else 1


def to_int16(audio: np.ndarray) -> np.ndarray:
    """float in [-1, 1] -> int16 of the same shape; `ToFloat` (divide by 32768) is its inverse."""
    return np.clip(np.round(audio * np.float32(32768)), -32768, 32767).astype(np.int16)


def _length(example: Example) -> int:
    return next(example[key].shape[axis] for key, axis in TIME_AXIS.items() if key in example)


def _part(array: np.ndarray, start: int, stop: int, axis: int) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(start, stop),)]


def _join(key: str, pieces: list[Example]) -> np.ndarray:
    axis = TIME_AXIS[key]
    arrays = [piece[key] for piece in pieces]
    valid = [int(piece.get("length", array.shape[axis])) for piece, array in zip(pieces, arrays)]
    trimmed = [_part(array, 0, n, axis) for array, n in zip(arrays, valid)]
    return np.concatenate(trimmed, axis)


def _pad(array: np.ndarray, shortest: int, axis: int) -> np.ndarray:
    missing = max(0, shortest - array.shape[axis])
    return np.pad(array, [(0, missing if i == axis else 0) for i in range(array.ndim)])


def _plain(record: Example) -> Example:
    """TFDS hands texts as bytes and sequences of dicts as lists of scalars."""
    return {key: _plain_value(value) for key, value in record.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {key: np.asarray(inner) for key, inner in value.items()}
    return value


def _check_counts(split: Any) -> None:
    from array_record.python.array_record_module import ArrayRecordReader

    for path, promised in zip(split.filepaths, split.shard_lengths):
        found = _count(ArrayRecordReader, path) if os.path.exists(path) else 0
        if found != promised:
            raise BadInput(
                f"{path} holds {found} records, not {promised}: it is damaged or incomplete; "
                f"delete {Path(path).parent} and prepare the data again."
            )


def _count(reader_type: Any, path: Any) -> int:
    try:
        reader = reader_type(os.fspath(path))
        found = reader.num_records()
        reader.close()
    except (RuntimeError, ValueError):
        return 0
    return found


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
