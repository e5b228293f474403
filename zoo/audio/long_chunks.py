"""CAF and Sony Wave64, whose chunks have sizes of 64 bits: whether a file is as long as it says.

libsndfile takes the first of joined CAF files for all, reads the header of a second Wave64 file as
sound, and plays one that is cut off as far as it goes. Sources: Apple's Core Audio Format
specification 1.0, Sony's Wave64 specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from zoo.audio.stream_bytes import ByteWindow, Stream
from zoo.errors import BadInput

LONG_HEADS = (b"caff", b"riff")
OPEN = 1 << 60  # sizes from here on were left open by a writer that could not go back


def long_chunk_streams(data: ByteWindow) -> list[Stream]:
    """What to decode. Raises BadInput (without the file's name) for more or less than announced."""
    end, found = data.size, Stream()
    for at, end in _chunks(data):
        if end > data.size:
            raise BadInput(f"breaks off: {end - data.size:,} bytes are missing; get it again.")
        if data(at, at + 4) == b"data" and _size(data, at) < 0:
            size = struct.pack(">q", data.size - at - 12)
            found = Stream(((0, at + 4), size, (at + 12, data.size)))
    if data(end, end + 64).strip(b"\0"):
        raise BadInput(
            f"holds {data.size - end:,} bytes more than its header announces: cut joined files "
            "apart, or export it again."
        )
    return [found]


def _chunks(data: ByteWindow) -> Iterator[tuple[int, int]]:
    """(where a chunk begins, where it should end); of Wave64 the file, whose size comes first."""
    if data(0, 4) == b"riff":  # a GUID, the size of the whole file, a GUID
        size = struct.unpack("<Q", data(16, 24).ljust(8, b"\0"))[0]
        yield 0, size if 0 < size < OPEN else data.size
        return
    at = 8
    while len(head := data(at, at + 12)) == 12 and head[:4] != b"caff" and head[:4].strip(b"\0"):
        size = _size(data, at)
        end = at + 12 + size if size >= 0 else data.size
        yield at, end
        at = end


def _size(data: ByteWindow, at: int) -> int:
    """Bytes of a CAF chunk's content; below 0 where its writer could not go back."""
    return struct.unpack(">q", data(at + 4, at + 12))[0]
