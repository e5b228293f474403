"""Notes of a MIDI file, sustain pedal applied: {onset, offset (s), pitch, velocity} [n]."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo import commands
from zoo.data.note_rolls import Notes
from zoo.errors import BadInput

SUSTAIN, DOWN = 64, 64  # the controller's number, and the value from which the pedal is down


def read_notes(path: str | Path, *, pedal: bool = True) -> Notes:
    """All pitched notes in order of onset. raises BadInput where there are none to read.

    pedal: a note released under the pedal sounds until the pedal rises or its key is struck again,
    as the published scores on MAESTRO have it.
    """
    try:
        import pretty_midi
    except ImportError as error:
        raise BadInput(f"reading MIDI needs pretty_midi: {commands.MUSIC}") from error
    try:
        midi = pretty_midi.PrettyMIDI(str(Path(path).expanduser()))
    except (OSError, ValueError, EOFError, KeyError, IndexError) as error:
        raise BadInput(f"{path}: not readable as MIDI ({error}); give a .mid file.") from error
    rows: list[tuple[float, float, int, int]] = []
    for instrument in midi.instruments:
        if instrument.is_drum:
            continue
        notes = [(n.start, n.end, n.pitch, n.velocity) for n in instrument.notes]
        changes = [(c.time, c.value) for c in instrument.control_changes if c.number == SUSTAIN]
        rows += sustained(notes, changes, midi.get_end_time()) if pedal else notes
    if not rows:
        raise BadInput(f"{path} holds no notes; give a MIDI file of a performance.")
    columns = np.asarray(sorted(rows), np.float64).T
    times = {"onset": columns[0].astype(np.float32), "offset": columns[1].astype(np.float32)}
    numbers = {"pitch": columns[2].astype(np.int32), "velocity": columns[3].astype(np.int32)}
    return {**times, **numbers}


def sustained(
    notes: Sequence[tuple[float, float, int, int]],
    changes: Sequence[tuple[float, int]],
    end: float,
) -> list[tuple[float, float, int, int]]:
    """Notes (onset, offset, pitch, velocity) whose offsets wait for the pedal.

    changes: (time, value) of the controller in any order. end: where a pedal never lifted rises.
    """
    ordered = sorted(changes, key=lambda change: change[0])
    times = np.array([time for time, _ in ordered] + [np.inf])
    down = [value >= DOWN for _, value in ordered]
    later: dict[int, float] = {}
    result = []
    for onset, offset, pitch, velocity in sorted(notes, reverse=True):
        place = int(np.searchsorted(times, offset, "right")) - 1  # the state as the key is released
        if place >= 0 and down[place]:
            rises = (times[i] for i in range(place + 1, len(down)) if not down[i])
            offset = max(offset, min(next(rises, end), later.get(pitch, np.inf)))
        later[pitch] = onset
        result.append((onset, offset, pitch, velocity))
    return result[::-1]
