"""WAV, RF64, AIFF and AU: how many samples their headers promise and what they really hold.

Programs that write into a pipe leave the sizes open, each in its own way; others append to a file
without putting its header right. Sources: the RIFF and AIFF specifications, EBU Tech 3306 (RF64).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from zoo.audio import joined_kinds, mp3_frames
from zoo.audio.stream_bytes import TAG_MARKS, ByteWindow, Stream
from zoo.errors import BadInput

RIFFS = (b"RIFF", b"RIFX", b"RF64", b"BW64")
WAVE_HEADS = (*RIFFS, b"FORM", b".snd")
AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}  # of a sample, by encoding
UNSET = 0xFFFF_FFFF


@dataclass(frozen=True)
class _SampleSpan:
    """One file's sound: from `start` (of its header) to `stop` (of its samples)."""

    start: int
    data_at: int
    stop: int  # 0: as far as the file goes, its size was left open
    width: int  # bytes of a sample of all channels; 0: unknown, compressed
    size_at: int  # where its header keeps the size
    big: bool  # whether the most significant byte comes first
    rate: int = 0
    least: int = 0  # samples that another field of the header promises


def wave_streams(data: ByteWindow) -> list[Stream]:
    """What to decode, in order. raises BadInput (without the file's name) for sound behind the end.

    A Stream's `frames` are those promised: more than there are where the file is cut off.
    """
    found: list[Stream] = []
    at = 0
    while True:
        sound = _sound(data, at)
        if sound is None:
            return found if at else [Stream()]
        after = _after(data, sound) if sound.stop else _after_open(data, sound)
        found.append(_stream(data, sound, after, alone=not at and not after))
        if not after:
            return found
        at = after


def _is_open(size: int) -> bool:
    """Whether a size of 32 bits says that the writer did not know it (ffmpeg, sox, ...)."""
    return 0x7FFF_0000 <= size <= 0x8000_0000 or size >= 0xFFFF_0000


def _sound(data: ByteWindow, at: int) -> _SampleSpan | None:
    head = data(at, at + 4)
    if head == b".snd":
        return _au(data, at)
    if head == b"FORM":
        return _aiff(data, at)
    return _riff(data, at) if head in RIFFS else None


def _riff(data: ByteWindow, start: int) -> _SampleSpan | None:
    big = data(start, start + 4) == b"RIFX"
    width, rate, whole, at = 0, 0, 0, start + 12
    while len(head := data(at, at + 8)) == 8:
        size = struct.unpack(">I" if big else "<I", head[4:])[0]
        if head[:4] == b"ds64":
            whole = struct.unpack("<Q", data(at + 16, at + 24))[0]
        elif head[:4] == b"fmt ":
            fields = struct.unpack(">HHIIH" if big else "<HHIIH", data(at + 8, at + 22))
            rate, width = fields[2], fields[4]
        elif head[:4] == b"data":
            size_at = at + 4
            if size == UNSET and whole and not _is_open(whole & UNSET):
                size = whole
            elif _is_open(size) and at + 8 + size > data.size:
                size = 0
            empty = not size and (at + 8 >= data.size or _is_chunk(data, at + 8))
            stop = at + 8 + size if size or empty else 0
            return _SampleSpan(start, at + 8, stop, width, size_at, big, rate)
        at += 8 + size + size % 2
    return None


def _aiff(data: ByteWindow, start: int) -> _SampleSpan | None:
    width, rate, frames, at = 0, 0, 0, start + 12
    while len(head := data(at, at + 8)) == 8:
        size = struct.unpack(">I", head[4:])[0]
        if head[:4] == b"COMM":
            channels, frames, bits = struct.unpack(">hIh", data(at + 8, at + 16))
            kind = data(at + 26, at + 30) if size > 18 else b"NONE"
            plain = kind in (b"NONE", b"sowt", b"fl32", b"FL32", b"fl64", b"twos", b"in24", b"in32")
            width = channels * (-(-bits // 8)) if plain else 0
            exponent, mantissa = struct.unpack(">HQ", data(at + 16, at + 26))
            rate = int(mantissa * 2.0 ** ((exponent & 0x7FFF) - 16_383 - 63))
        elif head[:4] == b"SSND":
            unknown = size < 8 or (_is_open(size) and at + 8 + size > data.size)
            stop = 0 if unknown else at + 8 + size
            least = 0 if _is_open(frames) else frames
            return _SampleSpan(start, at + 16, stop, width, at + 4, True, rate, least)
        at += 8 + size + size % 2
    return None


def _au(data: ByteWindow, start: int) -> _SampleSpan | None:
    head = data(start, start + 24)
    if len(head) < 24:
        return None
    offset, size, encoding, rate, channels = struct.unpack(">5I", head[4:])
    unknown = _is_open(size) or (not size and start + offset < data.size)
    stop = 0 if unknown else start + offset + size
    width = AU_BYTES.get(encoding, 0) * channels
    return _SampleSpan(start, start + offset, stop, width, start + 8, True, rate)


def _stream(data: ByteWindow, sound: _SampleSpan, after: int, alone: bool) -> Stream:
    width = max(1, sound.width)
    end = sound.stop or after or data.size
    stop = min(end, data.size)
    promised = (end - sound.data_at) // width if sound.width else 0
    promised = max(promised, sound.least) if sound.width else 0
    if sound.stop and alone and data(sound.start, sound.start + 4) != b"BW64":
        return Stream(frames=promised)
    header = data(sound.start, sound.data_at)
    if header.startswith(b"BW64"):
        header = b"RF64" + header[4:]
    if not sound.stop:  # the decoder takes all that follows
        size = min(stop - sound.data_at + (8 if header.startswith(b"FORM") else 0), UNSET)
        at = sound.size_at - sound.start
        size_bytes = size.to_bytes(4, "big" if sound.big else "little")
        header = header[:at] + size_bytes + header[at + 4 :]
        if header.startswith(b"RF64"):
            header = b"RIFF" + header[4:]
    return Stream((header, (sound.data_at, stop)), promised)


def _after(data: ByteWindow, sound: _SampleSpan) -> int:
    """Where another file follows behind the sound and its chunks; 0 where none does."""
    at = sound.stop + (sound.stop - sound.data_at) % 2
    if data(sound.stop, sound.stop + 4) in WAVE_HEADS:  # joined without a byte between
        at = sound.stop
    kind = _kind(data, sound)
    while at < data.size:
        if data(at, at + 4) in WAVE_HEADS:
            return at
        mp3_frames.refuse_behind(kind, data, at)
        if not _is_chunk(data, at):
            _refuse_more(data, sound, at)
            return 0
        size = struct.unpack(">I" if sound.big else "<I", data(at + 4, at + 8))[0]
        at += 8 + size + size % 2
    return 0


def _after_open(data: ByteWindow, sound: _SampleSpan) -> int:
    """Where another file follows behind sound whose size was left open; 0 where none does."""
    at = joined_kinds.next_file_start(data, sound.data_at, data.size)
    if at < data.size and data(at, at + 4) not in WAVE_HEADS:
        mp3_frames.refuse_behind(_kind(data, sound), data, at)
    return at if at < data.size else 0


def _kind(data: ByteWindow, sound: _SampleSpan) -> str:
    head = data(sound.start, sound.start + 4)
    return {b"FORM": "AIFF", b".snd": "AU"}.get(head, "WAV")


def _is_chunk(data: ByteWindow, at: int) -> bool:
    """Whether a name of four letters and a size stand there, as before every chunk."""
    head = data(at, at + 8)
    return len(head) == 8 and all(32 <= letter < 127 for letter in head[:4])


def _refuse_more(data: ByteWindow, sound: _SampleSpan, at: int) -> None:
    """raises BadInput where what follows the announced end is neither zeros nor a tag."""
    rest = data.size - at
    tagged = any(data(at, at + 8).startswith(tag) for tag in TAG_MARKS)
    seconds = rest / max(1, sound.width) / max(1, sound.rate)
    if tagged or seconds < 0.01 or not _sounds(data, at):
        return
    raise BadInput(
        f"holds {rest:,} bytes ({seconds:.2f} s) more than its header announces: the header is "
        "wrong; export it again."
    )


def _sounds(data: ByteWindow, at: int) -> bool:
    """Whether anything but zeros stands from there to the end of the file."""
    while at < data.size:
        block = data(at, at + 65_536)
        if block.strip(b"\0"):
            return True
        at += len(block)
    return False
