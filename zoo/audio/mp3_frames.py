"""MPEG audio frame by frame: which bytes are sound, how many samples they hold, where files meet.

libsndfile believes the length header of the first frame, guesses where there is none, and hands out
no sample beyond; tags, zeros and garbage around the frames confuse it. Layers I to III.
Sources: ISO/IEC 11172-3 and 13818-3 (frame headers), the Xing, LAME and VBRI headers as published.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from zoo.audio import joined_kinds
from zoo.audio.stream_bytes import ByteWindow, Stream, StreamPiece

BIT_RATES = {  # (MPEG 1?, layer): kbit/s
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
SAMPLE_RATES = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
VBRI_AT = 36  # bytes from the start of its frame, whatever the channels
IN_A_ROW = 5  # frames of one kind are no accident
_TAIL = 1 << 15  # bytes searched for them at the end of a file of another kind


@dataclass(frozen=True)
class _Kind:
    """What all frames of one stream share."""

    version: int
    layer: int
    rate: int
    mono: bool

    @property
    def samples(self) -> int:
        """Of a frame, per channel."""
        return {1: 384, 2: 1152, 3: 1152 if self.version == 3 else 576}[self.layer]

    @property
    def xing_at(self) -> int:
        """Bytes from the start of its frame, behind the side information."""
        if self.version == 3:
            return 4 + (17 if self.mono else 32)
        return 4 + (9 if self.mono else 17)


@dataclass
class _FrameRun:
    """Frames that belong together: `header`, where they begin with one that tells their number."""

    kind: _Kind
    header: int = 0  # bytes of that first frame
    promised: int = 0  # frames
    written: int = 0  # bytes that the header says the stream has, 0: it does not
    number_at: int = -1  # where the header keeps `promised`
    frames: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)

    def add(self, at: int, size: int) -> None:
        if self.ranges and self.ranges[-1][1] == at:
            self.ranges[-1] = (self.ranges[-1][0], at + size)
        else:
            self.ranges.append((at, at + size))


def mp3_streams(data: ByteWindow, guess: int = 0) -> list[Stream]:
    """What to decode, in order; [] where there are no frames.

    guess: samples that libsndfile takes for the length of the file as it is.
    """
    runs = [run for run in _runs(data) if run.frames]
    if len(runs) == 1 and _begins_plainly(runs[0], data):
        held = runs[0].frames * runs[0].kind.samples
        if runs[0].header and runs[0].promised == runs[0].frames:
            return [Stream()]
        if not runs[0].header and guess >= held:
            return [Stream(frames=held)]
    return [_stream(run, data) for run in runs]


def count_samples(data: ByteWindow) -> int:
    """Samples per channel in all frames that hold sound."""
    return sum(run.frames * run.kind.samples for run in _runs(data))


def tag_size(head: bytes) -> int:
    """Bytes of the ID3 tag (titles, pictures) that these bytes begin."""
    if head[:3] != b"ID3" or len(head) < 10 or max(head[6:10]) > 127:
        return 0
    a, b, c, d = head[6:10]
    return 10 + (a << 21 | b << 14 | c << 7 | d) + (10 if head[5] & 0x10 else 0)


def refuse_behind(kind: str, data: ByteWindow, at: int) -> None:
    """raises BadInput where another file follows behind sound that ends at `at`, tags and zeros."""
    while step := _tag(data(at, at + 32)):
        at += step
    at = joined_kinds.without_zeros(data, at)
    other = joined_kinds.kind_of_header(data(at, at + 32)) or ("MP3" if _in_a_row(data, at) else "")
    if other not in ("", kind):
        raise joined_kinds.joined_kinds_error(kind, other)


def refuse_at_end(kind: str, data: ByteWindow, start: int, stop: int) -> None:
    """raises BadInput where frames stand in the last bytes before `stop`, of a file of `kind`."""
    at = data.find(b"\xff", max(start, stop - _TAIL))
    while 0 <= at < stop:
        if _in_a_row(data, at):
            raise joined_kinds.joined_kinds_error(kind, "MP3")
        at = data.find(b"\xff", at + 1)


def _in_a_row(data: ByteWindow, at: int) -> bool:
    """Whether several frames of one kind follow one another there."""
    kinds = set()
    for _ in range(IN_A_ROW):
        head = data(at, at + 4)
        size, kind = _header(head) if len(head) == 4 and head[0] == 0xFF else (0, None)
        kinds.add(kind)
        if not size or len(kinds) > 1:
            return False
        at += size
    return True


def _begins_plainly(run: _FrameRun, data: ByteWindow) -> bool:
    """Whether nothing but one tag stands before the frames, and nothing between them."""
    return len(run.ranges) == 1 and run.ranges[0][0] == tag_size(data(0, 10))


def _stream(run: _FrameRun, data: ByteWindow) -> Stream:
    """The frames alone, behind a header that tells their number."""
    pieces: list[StreamPiece] = list(run.ranges)
    start, stop = run.ranges[0]
    if run.header and run.promised == run.frames:
        return Stream(tuple(pieces))
    whole = sum(stop - start for start, stop in run.ranges)
    near = max(run.header, run.written // 100)
    if run.written and abs(run.written - whole) <= near:  # only the number of frames is wrong
        number = struct.pack(">I", run.frames)
        return Stream(((start, run.number_at), number, (run.number_at + 4, stop), *pieces[1:]))
    if run.promised > run.frames:  # cut off, as decoding shows
        return Stream(tuple(pieces))
    pieces[0] = (start + run.header, stop)
    first = data(start + run.header, start + run.header + 4)
    return Stream((_length_frame(first, run), *(p for p in pieces if p[0] < p[1])))


def _length_frame(first: bytes, run: _FrameRun) -> bytes:
    """A frame of silence that tells how many follow, made from the header of the first of them."""
    bit_rate = 11 << 4  # the frame must have room for the number, whatever the stream's rate
    header = bytes([0xFF, first[1] | 1, bit_rate | first[2] & 0x0C, first[3]])
    size, _ = _header(header)
    body = b"Xing" + struct.pack(">II", 1, run.frames)
    return (header + bytes(run.kind.xing_at - 4) + body).ljust(size, b"\0")


def _runs(data: ByteWindow) -> Iterator[_FrameRun]:
    run = None
    for at, size, kind in _frames(data):
        start = _run_with_header(data, at, size, kind)
        if start is not None or run is None or run.kind != kind:
            if run is not None:
                yield run
            run = start or _FrameRun(kind)
        run.add(at, size)
        run.frames += start is None
    if run is not None:
        yield run


def _frames(data: ByteWindow) -> Iterator[tuple[int, int, _Kind]]:
    """(at, bytes, kind) of every whole frame, passing over whatever is none."""
    at, last, seen = 0, None, False
    while at <= data.size - 4:
        head = data(at, at + 32)
        size, kind = _header(head) if head[0] == 0xFF else (0, None)
        whole = kind is not None and at + size <= data.size
        if kind is not None and whole and (kind == last or _confirmed(data, at + size, kind)):
            yield at, size, kind
            at, last, seen = at + size, kind, True
        elif step := _tag(head):
            at += step
        else:
            behind = joined_kinds.without_zeros(data, at) if seen else data.size
            if other := joined_kinds.kind_of_header(data(behind, behind + 32)):
                raise joined_kinds.joined_kinds_error("MP3", other)
            last = None
            at = data.find(b"\xff", at + 1)
            if at < 0:
                return


def _confirmed(data: ByteWindow, at: int, kind: _Kind) -> bool:
    """Whether another frame of the kind, a tag or the end of the file follows there."""
    head = data(at, at + 32)
    return len(head) < 4 or _tag(head) > 0 or _header(head)[1] == kind


def _tag(head: bytes) -> int:
    """Bytes of the tag that begins so; 0 where it is none."""
    if head.startswith(b"TAG"):
        return 128
    if head.startswith(b"APETAGEX") and len(head) >= 24:
        size, _, flags = struct.unpack("<III", head[12:24])
        is_header = flags >> 29 & 1
        return 32 + size if is_header else 32
    return tag_size(head)


def _header(head: bytes) -> tuple[int, _Kind | None]:
    """(bytes, kind) of the frame that opens so; (0, None) where it is no header."""
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    if head[1] < 0xE0 or version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return 0, None
    bits = BIT_RATES[version == 3, layer][bit_rate - 1] * 1000
    kind = _Kind(version, layer, SAMPLE_RATES[version][rate], head[3] >> 6 == 3)
    padding = head[2] >> 1 & 1
    if layer == 1:
        return 4 * (12 * bits // kind.rate + padding), kind
    return kind.samples // 8 * bits // kind.rate + padding, kind


def _run_with_header(data: ByteWindow, at: int, size: int, kind: _Kind) -> _FrameRun | None:
    """A run that begins here because this frame holds no sound but the number of those behind."""
    if kind.layer != 3:
        return None
    head = data(at, at + 192)
    for mark in (kind.xing_at, kind.xing_at + 2):  # behind a checksum, where there is one
        if head[mark : mark + 4] in (b"Xing", b"Info"):
            flags, frames, written = struct.unpack(">III", head[mark + 4 : mark + 16])
            if not flags & 1:
                return _FrameRun(kind, size)
            known = written if flags & 2 else 0
            return _FrameRun(kind, size, frames, known, at + mark + 8)
    if head[VBRI_AT : VBRI_AT + 4] == b"VBRI":
        written, frames = struct.unpack(">II", head[VBRI_AT + 10 : VBRI_AT + 18])
        return _FrameRun(kind, size, frames, written, at + VBRI_AT + 14)
    return None
