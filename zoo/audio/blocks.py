"""Audio of any length as an iterator of blocks, time on axis -2: [n C] or, for stems, [S n C].

Every function is lazy and holds a bounded number of samples, so that a chain of them works from
disk to disk in constant memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.audio import audio_files, probing
from zoo.audio import channels as channel_maps

TIME = -2
Blocks = Iterable[np.ndarray]


@dataclass(frozen=True)
class Song:
    """A sound file and what its header says."""

    path: Path
    rate: int  # Hz
    channels: int
    length: int  # samples, as announced; compressed files may hold a few more or fewer
    track: int = 0  # of a file of several, as of stems


def open_song(path: str | Path, track: int = 0) -> Song:
    """Reads the header of a sound file. raises BadInput where there is none to read."""
    file = probing.read_track_headers(path)[track]
    return Song(file.path, file.rate, file.channels, file.frames, track)


def read_blocks(song: Song, size: int = 65_536) -> Iterator[np.ndarray]:
    """The song's samples as blocks [n C] float32. raises BadInput at a NaN or a broken frame."""
    file = probing.read_track_headers(song.path)[song.track]
    return audio_files.stream_audio(file, channels=song.channels, block=size)


def _part(block: np.ndarray, start: int | None, stop: int | None = None) -> np.ndarray:
    """Samples start:stop of [... n C]."""
    return block[..., start:stop, :]


def reblock(blocks: Blocks, size: int) -> Iterator[np.ndarray]:
    """The same samples in blocks of exactly `size`; the last may be shorter."""
    waiting: list[np.ndarray] = []
    held = 0
    for block in blocks:
        waiting.append(block)
        held += block.shape[TIME]
        if held < size:
            continue
        whole = np.concatenate(waiting, TIME)
        full = held - held % size
        for start in range(0, full, size):
            yield _part(whole, start, start + size)
        # A copy, so that a view does not keep the large block alive.
        waiting, held = [_part(whole, full).copy()], held - full
    if held:
        yield np.concatenate(waiting, TIME)


def skip(blocks: Blocks, count: int) -> Iterator[np.ndarray]:
    """Everything after the first `count` samples."""
    for block in blocks:
        rest = _part(block, min(count, block.shape[TIME]))
        count -= block.shape[TIME] - rest.shape[TIME]
        if rest.shape[TIME]:
            yield rest


def fit_length(blocks: Blocks, length: int) -> Iterator[np.ndarray]:
    """Exactly `length` samples: cut, or filled up with zeros."""
    last = None
    for block in blocks:
        last = _part(block, 0, length)
        length -= last.shape[TIME]
        if last.shape[TIME]:
            yield last
    if length and last is not None:
        yield np.zeros((*last.shape[:TIME], length, last.shape[-1]), last.dtype)


def resample_blocks(blocks: Blocks, source: int, target: int) -> Iterator[np.ndarray]:
    """From `source` to `target` Hz (soxr HQ); T samples become round(T target / source)."""
    if source == target:
        yield from blocks
        return
    import soxr

    stream, read, written, shape = None, 0, 0, ()
    for block in blocks:
        shape = block.shape
        flat = np.moveaxis(block, TIME, 0).reshape(shape[TIME], -1)
        stream = stream or soxr.ResampleStream(source, target, flat.shape[1], dtype="float32")
        read += len(flat)
        # The stream may run ahead of the exact length by a sample; the flush settles it.
        output = stream.resample_chunk(np.ascontiguousarray(flat, np.float32))
        written += len(output)
        yield _unflatten(output, shape)
    if stream is None:
        return
    rest = stream.resample_chunk(np.zeros((0, flat.shape[1]), np.float32), last=True)
    missing = round(read * target / source) - written
    rest = np.pad(rest[: max(missing, 0)], ((0, max(missing - len(rest), 0)), (0, 0)))
    yield _unflatten(rest, shape)


def _unflatten(flat: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.moveaxis(flat.reshape(len(flat), *shape[:TIME], shape[-1]), 0, TIME)


def remix(blocks: Blocks, channels: int) -> Iterator[np.ndarray]:
    """To `channels`, mono to repeated mono and surround to stereo included."""
    for block in blocks:
        yield channel_maps.convert(block, channels) if block.shape[-1] != channels else block
