"""From Basic Pitch's rolls to notes and their pitch bends, as its authors have it.

Bittner et al., ICASSP 2022, section 2.2, in the details of basic-pitch 0.4.0 (its
`note_creation.output_to_notes_polyphonic` and `get_pitch_bends`), note by note the same. Rolls are
read block by block: of an hour of music memory holds some 30 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zoo.data.note_rolls import Notes
from zoo.errors import BadInput
from zoo.songs.note_decoding import Rolls
from zoo.tuning import LOWEST_KEY, PIANO_KEYS, note_of_hertz

_BLOCK = 8192  # frames that are looked at together
_PER_SEMITONE = 3
BEND = 25  # contour bins on either side of a key among which its pitch is looked for
BEND_DEVIATION = 5.0  # bins
_LOUDEST = 127
_WINDOW, WINDOW_HOPS = 172, 43_844 / 256  # frames of a window, and its length in hops
STRETCH = 0.0018  # s a window; the authors' constant

_Found = tuple[int, int, int, float]  # first frame, frame behind the last, key, mean activation


@dataclass(frozen=True)
class NoteCreation:
    """Notes begin at peaks of the onsets and last while their frames do; then what is left over.

    onset, frame: thresholds in (0, 1). shortest: ms; shorter notes are dropped. lowest, highest:
    Hz, outside of which nothing is found. inferred: rises of the frames count as onsets too.
    leftover: notes without an onset grow from the loudest frames that are left (the authors'
    "melodia trick"). bends: of every note. tolerance: frames below the threshold that end a note.
    """

    onset: float = 0.5
    frame: float = 0.3
    shortest: float = 127.7
    lowest: float | None = None
    highest: float | None = None
    inferred: bool = True
    leftover: bool = True
    bends: bool = True
    tolerance: int = 11

    def __post_init__(self) -> None:
        if not (0 < self.onset < 1 and 0 < self.frame < 1):
            raise BadInput(f"thresholds {self.onset} and {self.frame}: use numbers between 0 and 1")
        if self.shortest < 0 or min(self.lowest or 1, self.highest or 1) <= 0:
            raise BadInput("the shortest note (ms) and the limits (Hz) must be positive")
        if self.lowest and self.highest and self.lowest >= self.highest:
            raise BadInput(f"nothing lies above {self.lowest} Hz and below {self.highest} Hz")

    @property
    def sentence(self) -> str:
        return (
            f"Notes begin at onsets of {self.onset} or more and last while frames reach "
            f"{self.frame}, {self.shortest} ms at least, as basic-pitch 0.4.0 makes them."
        )

    def decode(self, rolls: Rolls, seconds_per_frame: float) -> Notes:
        """Notes of onsets, frames [F 88] and contours [F 264], with bends; ordered by onset."""
        found = sorted(self._found(rolls, seconds_per_frame))
        times = frame_times(len(rolls["frames"]), seconds_per_frame)
        rows = np.array([note[:3] for note in found], int).reshape(-1, 3)
        loud = np.round(_LOUDEST * np.array([note[3] for note in found])).astype(int)
        notes = {
            "onset": times[rows[:, 0]],
            "offset": times[rows[:, 1]],
            "pitch": rows[:, 2] + LOWEST_KEY,
            "velocity": np.clip(loud, 1, _LOUDEST),
        }
        if self.bends:
            notes["bends"] = np.empty(len(found), object)
            notes["bends"][:] = [_bend(rolls["contours"][a:b], key) for a, b, key, _ in found]
        return notes

    def _found(self, rolls: Rolls, seconds_per_frame: float) -> Iterator[_Found]:
        frames = rolls["frames"]
        least = round(self.shortest / 1000 / seconds_per_frame)
        limits = self._limits()
        sounding = np.zeros(frames.shape, bool)  # not yet part of a note
        for start in range(0, len(frames), _BLOCK):
            part = slice(start, start + _BLOCK)
            sounding[part, limits] = frames[part, limits] >= np.float64(self.frame)
        for start, key in self._onsets(rolls, limits):
            walked, quiet = _reach(sounding[start + 1 :, key], self.tolerance)
            stop = start + 1 + walked - quiet
            if start < len(frames) - 1 and stop - start > least:
                sounding[start:stop, max(key - 1, 0) : key + 2] = False
                yield start, stop, key, float(np.mean(frames[start:stop, key]))
        if self.leftover:
            yield from self._left_over(frames, sounding, least)

    def _limits(self) -> slice:
        """The keys between the lowest and the highest frequency."""
        ends = (self.lowest, 0), (self.highest, PIANO_KEYS)
        keys = (b if hz is None else round(float(note_of_hertz(hz))) - LOWEST_KEY for hz, b in ends)
        return slice(*(min(max(key, 0), PIANO_KEYS) for key in keys))

    def _onsets(self, rolls: Rolls, limits: slice) -> list[tuple[int, int]]:
        """(frame, key) of the peaks that reach the threshold, the last first."""
        onsets, frames = rolls["onsets"][:, limits], rolls["frames"][:, limits]
        starts = range(0, len(frames), _BLOCK)
        steepest = max((_rises(frames, s, s + _BLOCK).max(initial=0) for s in starts), default=0)
        strongest = max((onsets[s : s + _BLOCK].max(initial=0) for s in starts), default=0)
        peaks: list[tuple[int, int]] = []
        for start in starts:
            first, stop = max(start - 1, 0), min(start + _BLOCK + 1, len(frames))
            height = onsets[first:stop].astype(np.float64)
            if self.inferred and steepest > 0:
                rise = strongest * _rises(frames, first, stop) / steepest
                height = np.maximum(height, rise)
            middle = height[1:-1]
            is_peak = (middle > height[:-2]) & (middle > height[2:]) & (middle >= self.onset)
            at, key = np.nonzero(is_peak)
            peaks += zip((at + first + 1).tolist(), (key + limits.start).tolist())
        return peaks[::-1]

    def _left_over(self, frames: np.ndarray, sounding: np.ndarray, least: int) -> Iterator[_Found]:
        """Notes around the loudest frames of those that still sound, loudest first."""
        at, keys = np.nonzero(sounding)
        heights = np.asarray(frames[at, keys], np.float64)
        order = np.argsort(-heights, kind="stable")[: np.count_nonzero(heights > self.frame)]
        for middle, key in zip(at[order].tolist(), keys[order].tolist()):
            if not sounding[middle, key]:
                continue
            after, quiet_after = _reach(sounding[middle + 1 :, key], self.tolerance)
            before, quiet_before = _reach(sounding[:middle, key][::-1], self.tolerance)
            first, last = middle - before, middle + 1 + after
            sounding[first:middle, max(key - 1, 0) : key + 2] = False
            sounding[middle, key] = False
            sounding[middle + 1 : last, max(key - 1, 0) : key + 2] = False
            start, stop = first + quiet_before, last - 1 - quiet_after
            if stop - start > least:
                yield start, stop, key, float(np.mean(frames[start:stop, key]))


def _rises(frames: np.ndarray, start: int, stop: int) -> np.ndarray:
    """How far frames [F K] rise above both frames before them, at least 0; rows start to stop."""
    context = np.asarray(frames[max(start - 2, 0) : stop], np.float64)
    context = np.pad(context, ((max(2 - start, 0), 0), (0, 0)))
    rise = context[2:] - np.maximum(context[1:-1], context[:-2])
    rise[: max(2 - start, 0)] = 0
    return np.maximum(rise, 0)


def _reach(sounding: np.ndarray, tolerance: int) -> tuple[int, int]:
    """(frames walked, how many of the last are quiet) along [n] until `tolerance` are quiet.

    The last frame is never reached.
    """
    walked = quiet = 0
    while walked < len(sounding) - 1 and quiet < tolerance:
        quiet = 0 if sounding[walked] else quiet + 1
        walked += 1
    return walked, quiet


def _bend(contours: np.ndarray, key: int) -> np.ndarray:
    """Pitch of a note in each of its frames [n 264], in bins above its key -> [n] int."""
    centre = _PER_SEMITONE * key
    low, high = max(centre - BEND, 0), min(centre + BEND + 1, contours.shape[1])
    weights = np.exp(-0.5 * ((np.arange(low, high) - centre) / BEND_DEVIATION) ** 2)
    return (contours[:, low:high] * weights).argmax(1) + low - centre


def frame_times(frames: int, seconds_per_frame: float) -> np.ndarray:
    """Seconds of so many frames of the joined windows, [F] float64, by the authors' rule.

    Windows give more frames than their audio is long, for which every 172nd frame takes back some
    10 ms.
    """
    number = np.arange(frames)
    surplus = seconds_per_frame * (_WINDOW - WINDOW_HOPS) + STRETCH
    return number * seconds_per_frame - surplus * (number // _WINDOW)
