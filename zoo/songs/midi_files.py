"""Notes to a Standard MIDI File of one track: format 0, one tick a millisecond.

Where notes have `bends`, those that sound alone are bent: MIDI bends a whole channel.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from zoo import durable
from zoo.data.note_rolls import Notes

_TICKS = 500  # a quarter note; at 120 quarters a minute a tick is a millisecond
_TEMPO = 500_000  # microseconds a quarter note
CENTRE = 8192  # of the pitch wheel, which by default spans two semitones either way
THIRD = 4096 / 3  # of a semitone, in steps of the wheel


def write_midi(path: str | Path, notes: Notes, program: int = 0) -> Path:
    """Writes notes {onset, offset (s), pitch, velocity} [n] for one General MIDI program.

    bends, if any: per note its pitch in every frame, in thirds of a semitone above `pitch`.
    """
    track = b"\x00\xff\x51\x03" + _TEMPO.to_bytes(3, "big")
    track += b"\x00" + bytes((0xC0, program))
    now = 0
    for tick, message in _events(notes):
        track += _variable(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, _TICKS)
    path = Path(path)
    durable.write_atomically(path, header + b"MTrk" + struct.pack(">I", len(track)) + track)
    return path


def _events(notes: Notes) -> list[tuple[int, bytes]]:
    """(tick, message) in order; at one tick notes end before others are bent and begin."""
    events: list[tuple[int, int, bytes]] = []
    columns = (notes[name] for name in ("onset", "offset", "pitch", "velocity"))
    for onset, offset, pitch, velocity in zip(*(np.asarray(c).tolist() for c in columns)):
        start = max(round(onset * 1000), 0)
        stop = max(round(offset * 1000), start + 1)
        events.append((start, 2, bytes((0x90, int(pitch), min(max(int(velocity), 1), 127)))))
        events.append((stop, 0, bytes((0x80, int(pitch), 64))))
    events += _bends(notes)
    events.sort(key=lambda event: event[:2])  # stable: moves of the wheel at one tick stay in order
    return [(tick, message) for tick, _, message in events]


def _bends(notes: Notes) -> list[tuple[int, int, bytes]]:
    """The changes of the pitch wheel, which is back in its centre when a note ends."""
    events: list[tuple[int, int, bytes]] = []
    columns = zip(notes["onset"], notes["offset"], notes.get("bends", ()), non_overlapping(notes))
    for onset, offset, bend, single in columns:
        if not single:
            continue
        places = np.clip(CENTRE + np.round(np.asarray(bend) * THIRD), 0, 2 * CENTRE - 1)
        before = CENTRE
        for time, place in zip(np.linspace(onset, offset, len(bend)), places.astype(int).tolist()):
            if place != before:
                events.append((max(round(time * 1000), 0), 1, _wheel(place)))
            before = place
        if before != CENTRE:
            events.append((max(round(offset * 1000), 0), 1, _wheel(CENTRE)))
    return events


def _wheel(place: int) -> bytes:
    return bytes((0xE0, place & 0x7F, place >> 7))


def non_overlapping(notes: Notes) -> np.ndarray:
    """Which notes overlap no other, [n] bool."""
    order = np.argsort(notes["onset"], kind="stable")
    onset, offset = (np.asarray(notes[name], np.float64)[order] for name in ("onset", "offset"))
    ended = np.concatenate([[-np.inf], np.maximum.accumulate(offset)[:-1]])[: len(onset)]
    follows = np.append(onset[1:], np.inf)[: len(onset)]
    result = np.zeros(len(onset), bool)
    result[order] = (ended <= onset) & (offset <= follows)
    return result


def _variable(number: int) -> bytes:
    """A MIDI variable-length quantity: seven bits a byte, the highest bit on all but the last."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))
