"""Sound files of different kinds joined into one: decoders stop where the first of them ends."""

from __future__ import annotations

from zoo.audio.stream_bytes import WINDOW_BYTES, ByteWindow
from zoo.errors import BadInput

_MAGIC = {  # how files begin, and what else stands there, from which byte on
    "FLAC": (b"fLaC", 5, b"\0\0\x22"),
    "Ogg": (b"OggS\0\2", 8, bytes(6)),
    "WAV": (b"RIFF", 8, b"WAVE"),
    "RF64": (b"RF64", 8, b"WAVE"),
    "AIFF": (b"FORM", 8, b"AIF"),
    "CAF": (b"caff\0\1", 8, b"desc"),
    "AU": (b".snd\0\0", 6, b"\0"),
    "NIST": (b"NIST_1A\n", 8, b""),
    "Wave64": (b"riff", 4, b"\x2e\x91\xcf\x11"),
    "MIDI": (b"MThd", 4, b"\0\0\0\6\0"),
}


def kind_of_header(head: bytes) -> str:
    """Which kind of file begins so, of those in MAGIC; '' for none."""
    return next((kind for kind in _MAGIC if _begins(kind, head)), "")


def next_file_start(data: ByteWindow, start: int, stop: int, than: str = "") -> int:
    """Where the next file that is no `than` begins between two places; `stop` where none does."""
    found = stop
    for kind in _MAGIC.keys() - {than}:
        first = _MAGIC[kind][0]
        at = data.find(first, start)
        while 0 <= at < found:
            found = at if _begins(kind, data(at, at + 32)) else found
            at = data.find(first, at + 1)
    return found


def without_zeros(data: ByteWindow, at: int) -> int:
    """The first place from `at` on where something else stands; the end where nothing does."""
    while (block := data(at, at + WINDOW_BYTES)) and not block.strip(b"\0"):
        at += len(block)
    return at + len(block) - len(block.lstrip(b"\0"))


def joined_kinds_error(kind: str, other: str) -> BadInput:
    """The error, without the file's name."""
    return BadInput(f"is {kind} and then {other}, files joined: cut them apart.")


def _begins(kind: str, head: bytes) -> bool:
    first, place, second = _MAGIC[kind]
    return head.startswith(first) and head[place:].startswith(second)
