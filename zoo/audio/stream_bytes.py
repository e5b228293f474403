"""A sound file as the streams of bytes that must be decoded one after the other to have all of it.

Files are joined, chained, or carry a header that lies; decoders stop where the first header says. A
`Stream` is a part of the file with its header put right, which a decoder reads as a file.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from zoo.audio.silently import silently

WINDOW_BYTES = 1 << 20  # bytes read at a time; mapping whole files would count as memory
TAG_MARKS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICS")  # that stand behind the sound of any container
StreamPiece = tuple[int, int] | bytes  # a range of the file, or what stands in place of another


@dataclass(frozen=True)
class Stream:
    """pieces: what a decoder is given, in order; none: the file as it is.

    frames: samples per channel that it is known to hold or to promise; 0: the decoder knows.
    """

    pieces: tuple[StreamPiece, ...] = ()
    frames: int = 0

    @contextmanager
    def opened(self, path: Path) -> Iterator[Any]:
        """The stream as a `soundfile.SoundFile`."""
        import soundfile

        if not self.pieces:
            with silently(soundfile.SoundFile, str(path)) as sound:
                yield sound
            return
        with (
            open(path, "rb") as file,
            silently(soundfile.SoundFile, Spliced(file, self.pieces)) as sound,
        ):
            yield sound


class Spliced(io.RawIOBase):
    """The pieces of a file, read as one."""

    def __init__(self, file: BinaryIO, pieces: tuple[StreamPiece, ...]) -> None:
        super().__init__()
        self._file, self._pieces, self._at = file, pieces, 0
        sizes = [len(p) if isinstance(p, bytes) else p[1] - p[0] for p in pieces]
        self._starts = [0, *accumulate(sizes)]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _read(self, size: int) -> bytes:
        found = []
        for piece, start, stop in zip(self._pieces, self._starts, self._starts[1:]):
            if size and start <= self._at < stop:
                skip, take = self._at - start, min(size, stop - self._at)
                if isinstance(piece, bytes):
                    data = piece[skip : skip + take]
                else:
                    self._file.seek(piece[0] + skip)
                    data = self._file.read(take)
                found.append(data)
                size -= len(data)
                self._at += len(data)
        return b"".join(found)


class ByteWindow:
    """Random access to a file's bytes through a buffer: window(start, stop), window.find(...)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._start, self._data = file, 0, b""
        self.size = file.seek(0, os.SEEK_END)

    def __call__(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to `stop`, fewer at the end of the file."""
        at = start - self._start
        if at < 0 or stop - self._start > len(self._data):
            self._file.seek(start)
            self._start, at = start, 0
            self._data = self._file.read(max(WINDOW_BYTES, stop - start))
        return self._data[at : at + stop - start]

    def find(self, wanted: bytes, start: int) -> int:
        """Where these bytes first occur from `start` on; -1 where they do not."""
        while start < self.size:
            found = self(start, start + WINDOW_BYTES).find(wanted)
            if found >= 0:
                return start + found
            start += WINDOW_BYTES - len(wanted) + 1
        return -1
