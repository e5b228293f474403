"""From audio in windows to piano rolls, and from piano rolls to notes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from zoo.data.note_rolls import LOUDEST_VELOCITY, Notes
from zoo.errors import BadInput
from zoo.evaluation.base import HostBatch, Predict, paired_predictions
from zoo.metrics import notes as metrics
from zoo.tuning import LOWEST_KEY, hertz_of_note

Rolls = dict[str, np.ndarray]
ROLLS = ("onsets", "frames", "velocities")


class Reading(Protocol):
    """How audio of any length goes through a model: windows of one size, and what is kept of them.

    hop: samples between frames. batch: windows at a time. kept: the rolls that are kept, each with
    its type. sentence: for the report.
    """

    @property
    def hop(self) -> int: ...

    @property
    def batch(self) -> int: ...

    @property
    def kept(self) -> Mapping[str, Any]: ...

    @property
    def sentence(self) -> str: ...

    def cut(self, blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, slice, int | None]]:
        """(window [samples 1], which of its frames count, None or, with the last, how many do).

        That many frames from the first on stand for the whole sound; what lies behind is dropped.
        """


class NoteDecoder(Protocol):
    """How notes are found in rolls. sentence: for the report."""

    @property
    def sentence(self) -> str: ...

    def decode(self, rolls: Rolls, seconds_per_frame: float) -> Notes:
        """Notes of rolls [F K], ordered by onset.

        They may have `bends` [n] as well: per note an array of its pitch in every frame, in thirds
        of a semitone above `pitch`.
        """


@dataclass(frozen=True)
class NoteWindows:
    """How audio of any length is read: windows of `samples` whose outer `margin` is discarded.

    The ends of the audio are kept. Both are multiples of the hop, so that frames meet.
    """

    samples: int
    margin: int
    hop: int = 512
    batch: int = 1

    def __post_init__(self) -> None:
        if self.samples % self.hop or self.margin % self.hop or self.samples <= 2 * self.margin:
            raise BadInput(
                f"windows of {self.samples} samples with margins of {self.margin}: use multiples "
                f"of {self.hop}, the margins less than half of the window"
            )

    @property
    def kept(self) -> Mapping[str, Any]:
        return dict.fromkeys(ROLLS, np.float16)  # an hour of music stays below 80 MB

    @property
    def sentence(self) -> str:
        return f"Windows of {self.samples} samples with margins of {self.margin}."

    def cut(self, blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, slice, int | None]]:
        """As `Reading` has it."""
        source, buffer, first = iter(blocks), np.zeros((0, 1), np.float32), True
        done = 0
        while True:
            pieces = [buffer]
            held = len(buffer)
            while held <= self.samples and (piece := next(source, None)) is not None:
                pieces.append(piece)
                held += len(piece)
            buffer = np.concatenate(pieces)
            last = len(buffer) <= self.samples
            stop = -(-len(buffer) // self.hop) if last else (self.samples - self.margin) // self.hop
            window = buffer[: self.samples]
            window = np.pad(window, ((0, self.samples - len(window)), (0, 0)))
            take = slice(0 if first else self.margin // self.hop, stop)
            done += take.stop - take.start
            yield window, take, done if last else None
            if last:
                return
            buffer, first = buffer[self.samples - 2 * self.margin :], False


def listen(
    predict: Predict, sounds: Iterable[Iterable[np.ndarray]], how: Reading
) -> Iterator[Rolls]:
    """Rolls [F K] of every sound, each given in blocks [n 1]; in order."""

    def windows() -> Iterator[tuple[tuple[slice, int | None], HostBatch]]:
        for blocks in sounds:
            for window, take, total in how.cut(blocks):
                yield (take, total), {"audio": window}

    piles = {name: _Pile(dtype) for name, dtype in how.kept.items()}
    for (take, total), output in paired_predictions(predict, windows(), how.batch):
        for name, pile in piles.items():
            pile.add(output[name][take])
        if total is not None:
            yield {name: pile.whole(total) for name, pile in piles.items()}
            piles = {name: _Pile(dtype) for name, dtype in how.kept.items()}


class _Pile:
    """Arrays [n K] one after another in a file without a name: memory does not grow with them."""

    def __init__(self, dtype: Any) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115, it lasts as long as what maps it
        self.dtype = dtype
        self.rows, self.columns = 0, 0

    def add(self, rows: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(rows, self.dtype).tobytes())
        self.rows, self.columns = self.rows + len(rows), rows.shape[1]

    def whole(self, rows: int) -> np.ndarray:
        """The first `rows` of what was added, [F K]; changes stay in memory."""
        self.file.flush()
        shape = (min(rows, self.rows), self.columns)
        if not all(shape):  # what is empty cannot be mapped
            return np.zeros(shape, self.dtype)
        return np.memmap(self.file, self.dtype, "c", shape=shape)


@dataclass(frozen=True)
class Rises:
    """Notes begin where their onset rises above the threshold, nowhere else; see `decode_notes`."""

    threshold: float = 0.5

    @property
    def sentence(self) -> str:
        return f"Threshold {self.threshold}."

    def decode(self, rolls: Rolls, seconds_per_frame: float) -> Notes:
        return decode_notes(rolls, seconds_per_frame, self.threshold)


def decode_notes(rolls: Rolls, seconds_per_frame: float, threshold: float = 0.5) -> Notes:
    """Notes of rolls [F K]: one begins where its onset rises, and nowhere else.

    It ends where neither onset nor frame reaches the threshold, or at the next onset of its key.
    Its velocity is the mean over the frames of its onset. Ordered by onset, then pitch.
    """
    onsets = rolls["onsets"] > threshold
    active = onsets | (rolls["frames"] > threshold)
    begins = onsets & ~np.pad(onsets, ((1, 0), (0, 0)))[:-1]
    found = []
    for key in np.flatnonzero(begins.any(0)):
        starts = np.flatnonzero(begins[:, key])
        ends = _first_after(np.flatnonzero(~active[:, key]), starts, len(active))
        silent = _first_after(np.flatnonzero(~onsets[:, key]), starts, len(active))
        ends = np.minimum(ends, np.append(starts[1:], len(active)))
        for start, end, onset_end in zip(starts, ends, silent):
            velocity = (
                rolls["velocities"][start:onset_end, key].mean(dtype=np.float64) * LOUDEST_VELOCITY
            )
            found.append((start, LOWEST_KEY + key, end, min(max(round(velocity), 1), 127)))
    rows = np.asarray(sorted(found), np.int64).reshape(-1, 4)
    return {
        "onset": rows[:, 0] * seconds_per_frame,
        "offset": rows[:, 2] * seconds_per_frame,
        "pitch": rows[:, 1],
        "velocity": rows[:, 3],
    }


def _first_after(places: np.ndarray, starts: np.ndarray, end: int) -> np.ndarray:
    """For each start the first place behind it, or the end."""
    return np.append(places, end)[np.searchsorted(places, starts)]


def for_metrics(notes: Notes) -> metrics.NoteEvents:
    """As `zoo.metrics.notes` takes them: pitches in Hz; no note lasts less than a millisecond."""
    onset, offset = (np.asarray(notes[name], np.float64) for name in ("onset", "offset"))
    intervals = np.stack([onset, np.maximum(offset, onset + 1e-3)], 1)
    velocities = np.asarray(notes["velocity"], np.float64)
    return metrics.NoteEvents(intervals, hertz_of_note(notes["pitch"]), velocities)
