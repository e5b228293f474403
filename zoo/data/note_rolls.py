"""Notes {onset, offset (s), pitch, velocity} as piano rolls [F K], the targets of transcription.

Frame f stands for the time around f x hop samples, as a centred spectrogram has it. A note that
began more than half a frame before the audio sounds from the first frame but has no onset; one
that ends behind it has no offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.source import Example
from zoo.data.transforms import too_short
from zoo.tuning import LOWEST_KEY, PIANO_KEYS

Notes = dict[str, np.ndarray]
LOUDEST_VELOCITY = 128.0  # velocities are stored as MIDI / 128


def none() -> Notes:
    """No notes, in the types of all records."""
    times, numbers = np.zeros(0, np.float32), np.zeros(0, np.int32)
    return {"onset": times, "offset": times, "pitch": numbers, "velocity": numbers}


def notes_between(notes: Notes, start: float, seconds: float) -> Notes:
    """The notes that sound between start and start + seconds, with times counted from there."""
    onset = np.asarray(notes["onset"], np.float64) - start
    offset = np.asarray(notes["offset"], np.float64) - start
    kept = (offset > 0) & (onset < seconds)
    times = {"onset": onset[kept].astype(np.float32), "offset": offset[kept].astype(np.float32)}
    return {**{key: np.asarray(notes[key])[kept] for key in ("pitch", "velocity")}, **times}


def rolls(
    notes: Notes, frames: int, seconds_per_frame: float, loudest: float = LOUDEST_VELOCITY
) -> dict[str, np.ndarray]:
    """onsets, frames, offsets (0 or 1) and velocities (0..1 while a note sounds), float32 [F K].

    Every note sounds for one frame at least. Keys a piano lacks are left out. loudest: the velocity
    that becomes 1.
    """
    names = ("onsets", "offsets", "frames", "velocities")
    result = {name: np.zeros((frames, PIANO_KEYS), np.float32) for name in names}
    onset, offset = (np.asarray(notes[name], np.float64) for name in ("onset", "offset"))
    first = np.floor(onset / seconds_per_frame + 0.5).astype(int)
    last = np.maximum(np.floor(offset / seconds_per_frame + 0.5).astype(int), first + 1)
    keys = np.asarray(notes["pitch"], int) - LOWEST_KEY
    for begin, end, key, velocity in zip(first, last, keys, notes["velocity"]):
        if not 0 <= key < PIANO_KEYS or begin >= frames or end <= 0:
            continue
        result["frames"][max(begin, 0) : end, key] = 1
        result["velocities"][max(begin, 0) : end, key] = velocity / loudest
        if begin >= 0:
            result["onsets"][begin, key] = 1
        if end < frames:
            result["offsets"][end, key] = 1
    return result


def touched_rolls(
    notes: Notes, frames: int, seconds_per_frame: float, span: float, loudest: float
) -> dict[str, np.ndarray]:
    """The rolls [F K] of `rolls` as note_seq's `sequence_to_pianoroll` makes them.

    A label lies on every frame f that its time touches, f x seconds_per_frame to the next: frames
    from a note's onset to its offset, onsets and offsets for `span` seconds from there (32 ms: on
    two frames). Velocities stand where a note sounds or its onset is.
    """
    names = ("onsets", "offsets", "frames", "velocities")
    result = {name: np.zeros((frames, PIANO_KEYS), np.float32) for name in names}
    onset, offset = (np.asarray(notes[name], np.float64) for name in ("onset", "offset"))
    keys = np.asarray(notes["pitch"], int) - LOWEST_KEY
    times = {
        "frames": (onset, offset),
        "onsets": (onset, onset + span),
        "offsets": (offset, offset + span),
    }
    for name, (begin, end) in times.items():
        first = np.floor(begin / seconds_per_frame).astype(int)
        last = np.maximum(np.ceil(end / seconds_per_frame).astype(int), first + 1)
        for start, stop, key, velocity in zip(first, last, keys, notes["velocity"]):
            if 0 <= key < PIANO_KEYS and stop > 0:
                result[name][max(start, 0) : stop, key] = 1
                if name != "offsets":
                    result["velocities"][max(start, 0) : stop, key] = velocity / loudest
    return result


def frame_weights(rolls: dict[str, np.ndarray], strength: float) -> np.ndarray:
    """Weights [F K] of the frames' loss: `strength` at an onset, strength / n in the nth after it.

    Hawthorne et al. 2018, section 4 with onsets of one frame (reported, unchecked). Silence, and
    notes whose onset lies before the first frame, weigh 1.
    """
    weights = np.ones_like(rolls["frames"])
    age = np.full(weights.shape[1], np.nan)
    for frame, (begins, sounds) in enumerate(zip(rolls["onsets"], rolls["frames"])):
        age = np.where(begins > 0, 0, np.where(sounds > 0, age + 1, np.nan))
        weights[frame] = np.where(np.isnan(age), 1.0, strength / np.fmax(age, 1))
    return weights


@dataclass(frozen=True)
class NoteCrop:
    """A random window of `samples` that begins at a multiple of `hop`, notes moved along with it.

    rate: Hz. As `Crop`, it keeps out of the zeros behind a record's `length`.
    """

    samples: int
    hop: int = 512
    rate: int = 16_000

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        there = len(example["audio"])
        if there < self.samples:
            raise too_short(there, self.samples)
        valid = min(there, int(example.get("length", there)))
        start = self.hop * int(rng.integers(max(valid - self.samples, 0) // self.hop + 1))
        audio = example["audio"][start : start + self.samples]
        notes = notes_between(example["notes"], start / self.rate, self.samples / self.rate)
        return {**example, "audio": audio, "notes": notes}


@dataclass(frozen=True)
class NoteRolls:
    """notes -> the rolls of as many frames as the audio has whole hops.

    weight: with `weights` of the frames' loss of that strength (5 in the first paper), 0: without.
    span: seconds that the label of an onset or offset lasts, as in `touched_rolls`; 0: one frame,
    at the nearest. relative: velocities are shares of the performance's largest, which the record
    says as `loudest` (else that of its own notes), not of 128.
    """

    hop: int = 512
    rate: int = 16_000
    weight: float = 0.0
    span: float = 0.0
    relative: bool = False

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        notes = example["notes"]
        own = max(notes["velocity"], default=LOUDEST_VELOCITY)
        loudest = float(example.get("loudest", own)) if self.relative else LOUDEST_VELOCITY
        size = len(example["audio"]) // self.hop, self.hop / self.rate
        if self.span:
            made = touched_rolls(notes, *size, self.span, loudest)
        else:
            made = rolls(notes, *size, loudest)
        if self.weight:
            made["weights"] = frame_weights(made, self.weight)
        return {**{k: v for k, v in example.items() if k != "notes"}, **made}


@dataclass(frozen=True)
class ContourRolls:
    """notes -> onsets and frames [F 88], contours [F 88 * bins] of T // hop + 1 frames.

    The contours of a note are its frames, in the bin of its own pitch: the first of its key's.
    """

    hop: int
    rate: int
    bins: int = 3  # a semitone

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        count = len(example["audio"]) // self.hop + 1
        made = rolls(example["notes"], count, self.hop / self.rate)
        contours = np.zeros((count, PIANO_KEYS * self.bins), np.float32)
        contours[:, :: self.bins] = made["frames"]
        rest = {k: v for k, v in example.items() if k != "notes"}
        return {**rest, "onsets": made["onsets"], "frames": made["frames"], "contours": contours}
