"""Notes as a sequence of events: note on, note off, time shift, velocity. notes <-> [N] int32.

Oore et al. 2018, "This time with feeling", as Huang et al. 2019 (Music Transformer) use it: PAPER
has 388 symbols, all of MIDI's pitches; RELEASED the 310 of Magenta's score2perf, a piano's keys and
two reserved symbols in front. With `velocities=0` nothing is said of loudness. Times are rounded to
steps of 10 ms, every note lasts one at least; velocities fall into bins, of which the softest is
taken back. Events of one step are ordered by the note's start and pitch (Magenta: by its start
before rounding), so that what `decode` gives is encoded as it was. A key struck again while it
sounds is released first, as on a piano.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from zoo.data.note_rolls import Notes
from zoo.data.source import Example
from zoo.errors import BadInput

SOFT = 1  # the lowest velocity of a note
USUAL = 100  # velocity of notes before any velocity event


@dataclass(frozen=True)
class Vocabulary:
    """Symbols in order: reserved, on (lowest..highest), off, shifts (1..shifts steps), velocities.

    steps: of time, a second. longest: seconds after which a note without its end stops;
    cut: and one whose end comes later, which a model may have forgotten by then.
    """

    lowest: int = 0
    highest: int = 127
    shifts: int = 100
    velocities: int = 32
    reserved: int = 0
    steps: int = 100
    longest: float = 5.0
    cut: bool = False

    @property
    def keys(self) -> int:
        return self.highest - self.lowest + 1

    @property
    def off(self) -> int:
        """The first symbol of those that end a note."""
        return self.reserved + self.keys

    @property
    def shift(self) -> int:
        """The first symbol of those that let time pass."""
        return self.off + self.keys

    @property
    def velocity(self) -> int:
        """The first symbol of those that set the velocity of the notes that follow."""
        return self.shift + self.shifts

    @property
    def count(self) -> int:
        return self.velocity + self.velocities

    @property
    def bin(self) -> int:
        """Velocities that share a symbol."""
        return -(-127 // max(self.velocities, 1))

    def sequence(self, record: Example) -> np.ndarray:
        """The events [N] of a record with `notes`."""
        return self.encode(record["notes"])

    def begun(self, events: np.ndarray) -> int:
        """How many notes begin in events [N]."""
        return int(np.sum((events >= self.reserved) & (events < self.off)))

    def seconds(self, events: np.ndarray) -> float:
        """How much time passes in events [N]."""
        passing = events[(events >= self.shift) & (events < self.velocity)]
        return float(np.sum(passing - self.shift + 1)) / self.steps

    def sounding(self, events: np.ndarray) -> np.ndarray:
        """The symbols [n] that begin anew what sounds after events [N], as loud as it was."""
        keys: dict[int, int] = {}
        loud = -1
        for event in np.asarray(events).tolist():
            if event >= self.velocity:
                loud = event
            elif self.off <= event < self.shift:
                keys.pop(event - self.off, None)
            elif self.reserved <= event < self.off:
                keys[event - self.reserved] = loud
        begun: list[int] = []
        said = -1
        for key, own in sorted(keys.items()):
            begun += [own] if own >= 0 and own != said else []
            begun.append(self.reserved + key)
            said = own
        return np.array(begun + ([loud] if loud != said else []), np.int32)

    def encode(self, notes: Notes) -> np.ndarray:
        """Notes {onset, offset (s), pitch, velocity} [n] -> events [N]; other keys are left out."""
        events: list[int] = []
        now, loud = 0, -1
        for step, pitch, velocity in self._moves(notes):
            while now < step:
                passed = min(step - now, self.shifts)
                events.append(self.shift + passed - 1)
                now += passed
            if self.velocities and velocity >= 0 and velocity != loud:
                events.append(self.velocity + velocity)
                loud = velocity
            events.append((self.off if velocity < 0 else self.reserved) + pitch - self.lowest)
        return np.array(events, np.int32)

    def _moves(self, notes: Notes) -> list[tuple[int, int, int]]:
        """(step, pitch, velocity's bin or -1 at the end of a note), in order."""
        onset, offset = (np.asarray(notes[name], np.float64) for name in ("onset", "offset"))
        begin = np.maximum(np.floor(onset * self.steps + 0.5), 0).astype(int)
        end = np.maximum(np.floor(offset * self.steps + 0.5).astype(int), begin + 1)
        pitch = np.asarray(notes["pitch"], int)
        loud = (np.clip(np.asarray(notes["velocity"], int), SOFT, 127) - SOFT) // self.bin
        rows = sorted(zip(begin.tolist(), pitch.tolist(), end.tolist(), loud.tolist()))
        rows = [row for row in rows if self.lowest <= row[1] <= self.highest]
        moves: list[tuple[int, int, int, int, int]] = []
        following: dict[int, int] = {}
        for place in range(len(rows) - 1, -1, -1):
            begin_, pitch_, end_, loud_ = rows[place]
            end_ = min(end_, following.get(pitch_, end_))
            if end_ > begin_:  # else struck twice in one step
                following[pitch_] = begin_
                moves += [(begin_, place, 0, pitch_, loud_), (end_, place, 1, pitch_, -1)]
        return [(step, pitch_, loud_) for step, _, _, pitch_, loud_ in sorted(moves)]

    def decode(self, events: np.ndarray) -> Notes:
        """Events [N] of any order -> notes in order of onset.

        An end without a beginning says nothing; notes without an end stop after `longest` or with
        the last event. raises BadInput for a symbol that there is not.
        """
        events = np.asarray(events)
        if events.size and not 0 <= events.min() <= events.max() < self.count:
            raise BadInput(f"events {events.min()} to {events.max()}: give 0 to {self.count - 1}")
        now, loud = 0, USUAL
        sounding: dict[int, list[list[int]]] = defaultdict(list)
        rows: list[list[int]] = []
        for event in events.tolist():
            if event >= self.velocity:
                loud = SOFT + (event - self.velocity) * self.bin
            elif event >= self.shift:
                now += event - self.shift + 1
            elif event >= self.off:
                if sounding[event - self.off]:
                    sounding[event - self.off].pop(0)[1] = now
            elif event >= self.reserved:
                key = event - self.reserved
                rows.append([now, -1, self.lowest + key, loud])
                sounding[key].append(rows[-1])
        return self._notes(rows, now)

    def _notes(self, rows: list[list[int]], now: int) -> Notes:
        """Rows of start, end or -1, pitch, velocity, in steps; those of no length are left out."""
        longest = round(self.longest * self.steps)
        for row in rows:
            stop = row[1] if row[1] >= 0 else max(now, row[0] + 1)
            row[1] = min(stop, row[0] + longest) if row[1] < 0 or self.cut else stop
        kept = [row for row in rows if row[1] > row[0]]
        start, end, pitch, loud = np.array(kept, np.float64).reshape(-1, 4).T
        return {
            "onset": (start / self.steps).astype(np.float32),
            "offset": (end / self.steps).astype(np.float32),
            "pitch": pitch.astype(np.int32),
            "velocity": loud.astype(np.int32),
        }


PAPER = Vocabulary()
RELEASED = Vocabulary(21, 108, reserved=2)


def transpose_notes(notes: Notes, semitones: int = 0, stretch: float = 1.0) -> Notes:
    """Notes transposed, and `stretch` times as long; what passes MIDI's range is left out."""
    pitch = np.asarray(notes["pitch"]) + semitones
    kept = (pitch >= 0) & (pitch <= 127)
    both = ("onset", "offset")
    times = {name: np.asarray(notes[name])[kept] * np.float32(stretch) for name in both}
    velocity = np.asarray(notes["velocity"])[kept]
    return {**times, "pitch": pitch[kept].astype(np.int32), "velocity": velocity}
