"""FLAC: how many samples a file really holds, by its last frame, and where joined files meet.

The number in the header may be 0, which means unknown (RFC 9639), or too small; libFLAC stops
there. Frames carry their own number and two checksums, so the last one tells the length.
"""

from __future__ import annotations

from zoo.audio import joined_kinds, mp3_frames
from zoo.audio.stream_bytes import TAG_MARKS, ByteWindow, Stream

MARKS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")  # a file begins so
TOTAL_AT = 21  # bytes from a file's start: 4 bits and 4 bytes
SYNCS = (b"\xff\xf8", b"\xff\xf9")
_TAIL = 1 << 17  # bytes searched for the last frame where the header gives no largest size


def flac_streams(data: ByteWindow, start: int = 0) -> list[Stream]:
    """What to decode, in order. raises BadInput (no file's name) for another kind behind."""
    starts = _starts(data, start)
    spans = list(zip(starts, [*starts[1:], data.size]))
    for span in spans:
        _refuse_others(data, *span)
    found = [_stream(data, *span) for span in spans]
    if len(found) == 1 and start == 0 and not found[0][1]:
        return [Stream(frames=found[0][0].frames)]
    return [stream for stream, _ in found]


def _stream(data: ByteWindow, start: int, stop: int) -> tuple[Stream, bool]:
    """A file's bytes, and whether the number of samples in its header had to be put right."""
    head = data(start, start + 42)
    promised = int.from_bytes(head[TOTAL_AT:26]) & 0xFFFFFFFFF
    held = max(promised, _held(data, start, stop, head))
    if held == promised:
        return Stream(((start, stop),), held), False
    right = bytes([head[TOTAL_AT] & 0xF0 | held >> 32]) + (held & 0xFFFFFFFF).to_bytes(4)
    pieces = ((start, start + TOTAL_AT), right, (start + 26, stop))
    return Stream(pieces, held), True


def _starts(data: ByteWindow, start: int) -> list[int]:
    found = [start]
    at = start + 1
    while (at := data.find(b"fLaC", at)) >= 0:
        if data(at, at + 8) in MARKS:
            found.append(at)
        at += 4
    return found


def _refuse_others(data: ByteWindow, start: int, stop: int) -> None:
    """Between the blocks that precede the sound, pictures say, and the end of a file."""
    at, last = start + 4, False
    while not last and len(head := data(at, at + 4)) == 4:
        last, at = bool(head[0] >> 7), at + 4 + int.from_bytes(head[1:])
    found = joined_kinds.next_file_start(data, at, stop, than="FLAC")
    if found < stop:
        raise joined_kinds.joined_kinds_error(
            "FLAC", joined_kinds.kind_of_header(data(found, found + 32))
        )
    mp3_frames.refuse_at_end("FLAC", data, at, stop)


def _held(data: ByteWindow, start: int, stop: int, head: bytes) -> int:
    """Samples up to the end of the last frame; 0 where none is found, nor the start of one."""
    largest = int.from_bytes(head[15:18]) or _TAIL
    begin = max(start + 42, stop - largest - 4096)  # tags may follow
    tail = data(begin, stop)
    ends = {at: _end_of_frame(tail[at : at + 16], head) for at in sorted(_syncs(tail))}
    for at in reversed(ends):
        if ends[at] and _whole(tail[at:]):
            return ends[at]
    return max(ends.values(), default=0)  # broken off in that frame, as decoding shows


def _syncs(tail: bytes) -> list[int]:
    return [at for sync in SYNCS for at in _all(tail, sync)]


def _whole(frame: bytes) -> bool:
    """Whether a frame ends where these bytes do, or before zeros or a tag, by its checksum."""
    value, ends = 0, {len(frame), *(at for tag in TAG_MARKS for at in _all(frame, tag))}
    for at, byte in enumerate(frame, 1):
        value = (value << 8 & 0xFFFF) ^ CRC16[(value >> 8) ^ byte]
        if not value and at in ends:
            return True
    return False


def _all(data: bytes, mark: bytes) -> list[int]:
    found, at = [], data.find(mark)
    while at >= 0:
        found.append(at)
        at = data.find(mark, at + 1)
    return found


def _end_of_frame(header: bytes, head: bytes) -> int:
    """The sample behind a frame that begins so; 0 where its header is none, by its checksum."""
    number, at = _coded(header[4:11])
    if not at:
        return 0
    at += 4
    code = header[2] >> 4
    size = {1: 192, 6: 1 + header[at], 7: 1 + int.from_bytes(header[at : at + 2])}.get(code)
    if size is None:
        size = 576 << code - 2 if 2 <= code <= 5 else 256 << code - 8 if code >= 8 else 0
    at += {6: 1, 7: 2}.get(code, 0) + {12: 1, 13: 2, 14: 2}.get(header[2] & 15, 0)
    if not size or at >= len(header) or _crc8(header[:at]) != header[at]:
        return 0
    steady = not header[1] & 1  # frames are numbered, all of one size but the last
    return (number * int.from_bytes(head[8:10]) if steady else number) + size


def _coded(data: bytes) -> tuple[int, int]:
    """(number, bytes) of a number written as UTF-8 writes characters; (0, 0): none."""
    first = data[0] if data else 0xFF
    ones = 8 - (first ^ 0xFF).bit_length()
    if ones == 0:
        return first, 1
    if ones in (1, 8) or len(data) < ones or any(b >> 6 != 2 for b in data[1:ones]):
        return 0, 0
    number = first & (0x7F >> ones)
    for byte in data[1:ones]:
        number = number << 6 | byte & 0x3F
    return number, ones


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value << 1 & 0xFF ^ (0x07 if value & 0x80 else 0)
    return value


def _crc16_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        value <<= 8
        for _ in range(8):
            value = value << 1 & 0xFFFF ^ (0x8005 if value & 0x8000 else 0)
        table.append(value)
    return tuple(table)


CRC16 = _crc16_table()
