"""Notes to a Standard MIDI File of one track: format 0, one tick a millisecond."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from zoo import durable
from zoo.data.note_rolls import Notes

TICKS = 500  # a quarter note; at 120 quarters a minute a tick is a millisecond
TEMPO = 500_000  # microseconds a quarter note


def write_midi(path: str | Path, notes: Notes, program: int = 0) -> Path:
    """Writes notes {onset, offset (s), pitch, velocity} [n] for one General MIDI program."""
    track = b"\x00\xff\x51\x03" + TEMPO.to_bytes(3, "big")
    track += b"\x00" + bytes((0xC0, program))
    now = 0
    for tick, message in _events(notes):
        track += _variable(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS)
    path = Path(path)
    durable.write(path, header + b"MTrk" + struct.pack(">I", len(track)) + track)
    return path


def _events(notes: Notes) -> list[tuple[int, bytes]]:
    """(tick, message) in order; at one tick notes end before others begin."""
    events: list[tuple[int, int, bytes]] = []
    columns = (notes[name] for name in ("onset", "offset", "pitch", "velocity"))
    for onset, offset, pitch, velocity in zip(*(np.asarray(c).tolist() for c in columns)):
        start = max(round(onset * 1000), 0)
        stop = max(round(offset * 1000), start + 1)
        events.append((start, 1, bytes((0x90, int(pitch), min(max(int(velocity), 1), 127)))))
        events.append((stop, 0, bytes((0x80, int(pitch), 64))))
    return [(tick, message) for tick, _, message in sorted(events)]


def _variable(number: int) -> bytes:
    """A MIDI variable-length quantity: seven bits a byte, the highest bit on all but the last."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))
