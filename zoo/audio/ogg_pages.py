"""The pages of an ogg file, which are numbered and carry a checksum: is it whole?

libsndfile goes on behind a damaged page without an error: vorbis comes out shorter, opus as long as
promised, with other music in the gap.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from zoo.audio import mp3_frames
from zoo.audio.stream_bytes import ByteWindow, Stream

_FIRST = 2  # bit of a page's flags: a stream begins
_HEADER, _LONGEST = 27, 65_307  # bytes: before a page's table of segments, and at most
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def break_off(path: Path) -> bool:
    """Whether the last page promises more bytes than there are.

    libsndfile then simply ends earlier, and no header tells how long the whole was.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LONGEST))
        end = file.read()
    at = end.rfind(b"OggS")
    if at < 0:
        return False
    length = _length(end[at : at + _HEADER + 255])
    return not length or len(end) - at < length


def ogg_streams(data: ByteWindow) -> list[Stream]:
    """What to decode, in order: more than the file itself where several were chained.

    raises BadInput (without the file's name) where a file of another kind follows.

    Streams that begin together belong together, as sound and its index; libsndfile takes the first
    group alone.
    """
    at = data.find(b"OggS", 0)
    starts, beginning = [at], True
    while length := _length(head := data(at, at + _HEADER + 255)):
        begins = bool(head[5] & _FIRST)
        if begins and not beginning:
            starts.append(at)
        beginning = begins
        at += length
        if data(at, at + 4) != b"OggS":  # tags may stand between two files
            mp3_frames.refuse_behind("Ogg", data, at)
            at = max(0, data.find(b"OggS", at))
            if not at:
                break
    if len(starts) == 1:
        return [Stream()]
    return [Stream((span,)) for span in zip(starts, [*starts[1:], data.size])]


def damaged_after(path: Path) -> int | None:
    """Samples before the first page that is damaged or missing; None where all are in order.

    Counted as the codec does: opus at 48 kHz, whatever it was made from.
    """
    numbers: dict[int, int] = {}
    reached = 0
    with open(path, "rb") as file:
        data = ByteWindow(file)
        at = data.find(b"OggS", 0)  # tags may stand before the first page, and after the last
        while length := _length(data(at, at + _HEADER + 255)):
            page = data(at, at + length)
            position, stream, number, checksum = struct.unpack("<qIII", page[6:26])
            if _checksum(page) != checksum:
                return reached
            # A recorded broadcast may begin with any page after its headers.
            if reached and number > numbers.get(stream, number) + 1:
                return reached
            numbers[stream] = number
            reached = max(reached, position)  # -1 where no packet ends on the page
            at += length
        return reached if data.find(b"OggS", at) >= 0 else None


def _length(head: bytes) -> int:
    """Bytes of a page that begins so; 0 where it is none or its header is not whole."""
    if (
        len(head) < _HEADER
        or not head.startswith(b"OggS")
        or len(head) < _HEADER + head[_HEADER - 1]
    ):
        return 0
    count = head[_HEADER - 1]
    return _HEADER + count + sum(head[_HEADER : _HEADER + count])


def _checksum(page: bytes) -> int:
    """CRC-32 with the bits of a byte the other way round than zlib's, from zero (RFC 3533)."""
    blank = page[:22] + bytes(4) + page[26:]
    value = zlib.crc32(blank.translate(MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)
