"""Where the tracks of a split lie in its records, and windows of them across record borders.

The builder leaves the records of a track side by side, cut evenly (`zoo.data.records.cut_chunks`),
and writes down in tracks.json how many there are. A window reads the records that it touches, no
more."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from zoo import durable
from zoo.data.source import Example
from zoo.errors import BadInput

TIME_AXIS = {"audio": 0, "stems": 1}
_FILE = "tracks.json"
_BLOCK = 1 << 18  # samples of which statistics are taken in one go


@dataclass(frozen=True)
class Track:
    """One track: `samples` long, in `count` records from number `first` on.

    mean, deviation: of the whole track, its stems summed and its channels averaged, full scale 1.
    peak: the largest magnitude of the sum in any channel. content: a hash of all that was decoded.
    """

    name: str
    first: int
    count: int
    samples: int
    mean: float
    deviation: float
    peak: float
    content: str

    def edges(self) -> list[int]:
        """The samples at which its records begin, and its end."""
        return [self.samples * i // self.count for i in range(self.count + 1)]


@runtime_checkable
class Tracked(Protocol):
    """Records that say where their tracks lie."""

    def track_index(self) -> tuple[Track, ...]:
        """The tracks, in the order of their records."""

    def window(
        self,
        track: Track,
        start: int,
        samples: int,
        stagger: int,
        rng: np.random.Generator,
        into: Example | None = None,
    ) -> Example:
        """`samples` of a track from `start` on, as `read_window` gives them."""


def tracked(records: Sequence[Example]) -> Tracked:
    """The records, if they say where their tracks lie. raises BadInput for others."""
    if not isinstance(records, Tracked):
        raise BadInput(
            f"{type(records).__name__} has no index of tracks: let it have the methods of "
            "zoo.data.tracks.Tracked, or cut records with Crop"
        )
    return records


def read_window(
    records: Sequence[Example],
    track: Track,
    start: int,
    samples: int,
    stagger: int,
    rng: np.random.Generator,
    into: Example | None = None,
) -> Example:
    """A record with `samples` of a track from `start` on, and zeros where it has none.

    stagger: every stem begins up to so many samples less one later, each by itself. Other fields
    are those of the first record that is touched. into: arrays that audio and stems are read into
    where their shapes and types fit. raises BadInput where the index does not fit.
    """
    edges = track.edges()
    stop = start + samples + max(stagger - 1, 0)
    first = min(max(bisect_right(edges, max(start, 0)) - 1, 0), track.count - 1)
    last = max(first, bisect_left(edges, min(stop, track.samples)) - 1)
    result: Example = {}
    shifts: Sequence[int] = ()
    for number in range(first, last + 1):
        piece = records[track.first + number]
        _check(track, number, piece)
        if not result:
            shifts = _shifts(piece, stagger, rng)
            room = {k: _room(piece, k, samples, into or {}) for k in TIME_AXIS if k in piece}
            result = {**piece, "chunk": 0, "chunks": 1, "length": samples, **room}
            if start < 0 or stop > track.samples:
                for array in room.values():
                    array[...] = 0
        valid = edges[number + 1] - edges[number]
        for key in (key for key in TIME_AXIS if key in piece):
            _place(result[key], piece[key], valid, edges[number] - start, TIME_AXIS[key], shifts)
    return result


def blank_like(example: Example, samples: int) -> Example:
    """Zeros of so many samples, for the audio and stems of an example."""
    made = {key: _room(example, key, samples, {}) for key in TIME_AXIS if key in example}
    return {key: np.zeros_like(array) for key, array in made.items()}


def track_facts(example: Example) -> dict[str, Any]:
    """What the index says of a whole decoded track, int16: its length, statistics and a hash."""
    key = "stems" if "stems" in example else "audio"
    array, axis = example[key], TIME_AXIS[key]
    samples, total, squares, peak = array.shape[axis], 0.0, 0.0, 0.0
    for start in range(0, samples, _BLOCK):
        part = array[(slice(None),) * axis + (slice(start, start + _BLOCK),)]
        mixed = part.astype(np.float64).reshape(-1, *part.shape[-2:]).sum(0) / 32768
        mono = mixed.mean(-1)
        total, squares = total + mono.sum(), squares + np.square(mono).sum()
        peak = max(peak, float(np.abs(mixed).max()))
    mean = total / max(samples, 1)
    deviation = np.sqrt(max(squares / max(samples, 1) - mean**2, 0.0))
    numbers = {"mean": float(mean), "deviation": float(deviation), "peak": peak}
    return {"samples": samples, **numbers, "content": _content(example)}


def index_hashes(folder: Path) -> dict[str, str]:
    """'12 tracks, HASH' of every split of the records there: another where any track is another.

    {} where the records have no index.
    """
    try:
        splits = json.loads((folder / _FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    found = {}
    for split, listed in splits.items():
        names = sorted(f"{track['name']}\0{track['content']}" for track in listed)
        digest = hashlib.sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest()
        found[split] = f"{len(listed)} tracks, {digest[:16]}"
    return found


def fits(folder: Path) -> bool:
    """Whether the records there have an index that this version reads."""
    try:
        return bool(
            [read_track_index(folder, split) for split in json.loads((folder / _FILE).read_bytes())]
        )
    except (BadInput, OSError, ValueError):
        return False


def write_track_index(folder: Path, index: Mapping[str, Sequence[Track]]) -> None:
    """Leaves the index of every split beside the records."""
    listed = {split: [asdict(track) for track in tracks] for split, tracks in index.items()}
    durable.write_json(folder / _FILE, listed)


def read_track_index(folder: Path, split: str) -> tuple[Track, ...]:
    """The index of a split. raises BadInput where the records have none."""
    try:
        listed = json.loads((folder / _FILE).read_bytes()).get(split, [])
        return tuple(Track(**entry) for entry in listed)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{folder}: {_FILE}, which says where tracks begin, is absent or damaged: delete that "
            "folder and prepare the data again."
        ) from error


def _content(example: Example) -> str:
    """A hash of all arrays, names and numbers of a decoded track."""
    digest = hashlib.blake2b(digest_size=8)
    for key, value in sorted(example.items()):
        if isinstance(value, Mapping):
            digest.update(_content(dict(value)).encode())
        else:
            array = value if key in TIME_AXIS else np.asarray(value)
            digest.update(f"{key} {array.dtype} {array.shape}".encode())
            for block in _blocks(array, TIME_AXIS.get(key)):
                digest.update(np.ascontiguousarray(block).tobytes())
    return digest.hexdigest()


def _blocks(array: Any, axis: int | None) -> Iterator[np.ndarray]:
    """An array's values in their order; of PCM, which may be long and on the disk, in pieces."""
    if axis is None:
        yield array
        return
    for outer in np.ndindex(*array.shape[:axis]):
        rows = tuple(slice(i, i + 1) for i in outer)
        for start in range(0, array.shape[axis], _BLOCK):
            yield array[(*rows, slice(start, start + _BLOCK))]


def _room(piece: Example, key: str, samples: int, into: Example) -> np.ndarray:
    """An array for so many samples of a record's audio or stems, that of `into` where it fits."""
    array, axis = piece[key], TIME_AXIS[key]
    shape = (*array.shape[:axis], samples, *array.shape[axis + 1 :])
    own = into.get(key)
    if own is not None and own.shape == shape and own.dtype == array.dtype:
        return own
    return np.empty(shape, array.dtype)


def _check(track: Track, number: int, piece: Example) -> None:
    """raises BadInput where a record is not the one that the index promises."""
    if piece["track"] != track.name or int(piece["chunk"]) != number:
        raise BadInput(
            f"record {track.first + number} is part {piece['chunk']} of '{piece['track']}', not "
            f"part {number} of '{track.name}': prepare the data again."
        )


def _shifts(piece: Example, stagger: int, rng: np.random.Generator) -> list[int]:
    """How much later each stem begins; [] for all at once."""
    return rng.integers(stagger, size=len(piece["stems"])).tolist() if stagger else []


def _place(
    target: np.ndarray, piece: np.ndarray, valid: int, at: int, axis: int, shifts: Sequence[int]
) -> None:
    """Copies the `valid` first samples of a record to where they belong in a window."""
    if axis == 1 and shifts:
        for one, part, shift in zip(target, piece, shifts):
            _place(one, part, valid, at - shift, 0, ())
        return
    start, stop = max(at, 0), min(at + valid, target.shape[axis])
    if start < stop:
        rows = (slice(None),) * axis
        target[(*rows, slice(start, stop))] = piece[(*rows, slice(start - at, stop - at))]
