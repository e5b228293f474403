"""Sound files of different kinds joined into one: decoders stop where the first of them ends."""

from __future__ import annotations

from zoo.audio.stream_bytes import WINDOW, Window
from zoo.errors import BadInput

MAGIC = {  # how files begin, and what else stands there from byte 8 on
    "FLAC": (b"fLaC", b""),
    "Ogg": (b"OggS\0\2", bytes(6)),
    "WAV": (b"RIFF", b"WAVE"),
    "RF64": (b"RF64", b"WAVE"),
    "AIFF": (b"FORM", b"AIF"),
    "CAF": (b"caff\0\1", b"desc"),
    "AU": (b".snd\0\0\0", b""),
    "NIST": (b"NIST_1A\n", b""),
    "Wave64": (b"riff\x2e\x91\xcf\x11", b""),
    "MIDI": (b"MThd\0\0\0\6", b"\0"),
}


def begun(head: bytes) -> str:
    """Which kind of file begins so, of those in MAGIC; '' for none."""
    return next((kind for kind in MAGIC if _begins(kind, head)), "")


def another(than: str, data: Window, start: int, stop: int) -> str:
    """The kind of a file that begins between two places and is no `than`; '' where none does."""
    for kind in MAGIC.keys() - {than}:
        first = MAGIC[kind][0]
        at = data.find(first, start)
        while 0 <= at < stop:
            if _begins(kind, data(at, at + 32)):
                return kind
            at = data.find(first, at + 1)
    return ""


def without_zeros(data: Window, at: int) -> int:
    """The first place from `at` on where something else stands; the end where nothing does."""
    while (block := data(at, at + WINDOW)) and not block.strip(b"\0"):
        at += len(block)
    return at + len(block) - len(block.lstrip(b"\0"))


def refusal(kind: str, other: str) -> BadInput:
    """The error, without the file's name."""
    return BadInput(f"is {kind} and then {other}, files joined: cut them apart.")


def _begins(kind: str, head: bytes) -> bool:
    first, second = MAGIC[kind]
    return head.startswith(first) and head[8:].startswith(second)
