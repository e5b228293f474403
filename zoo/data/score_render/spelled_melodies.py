"""Phrases of the embedded chorales' sopranos as text, with what a piano makes of them.

There is no speech in the embedded data. Here the text is a score in letters, `g4 a4- f#4`: pitch,
octave, and a hyphen for every further eighth note; the audio is its rendering. As in speech the
text is shorter than the audio, its characters last differently long, and the order is the same.
A record is `text`, `audio` [T 1] int16, and `notes`; the splits are those of the rendered sets. It
is rendered whenever it is read, in milliseconds: only the scores are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.characters import Characters
from zoo.data.note_rolls import Notes, none
from zoo.data.records import data_dir, to_int16
from zoo.data.score_render.instrument import Instrument
from zoo.data.score_render.melody_split import split_pieces
from zoo.data.score_render.scored_melodies import highest_part
from zoo.data.score_render.scores import cached_pieces
from zoo.data.score_render.source import LICENCE
from zoo.data.source import Example, Info, RandomAccess
from zoo.errors import BadInput

_NAMES = ("c", "c#", "d", "d#", "e", "f", "f#", "g", "g#", "a", "a#", "b")
_EIGHTH = 0.5  # quarters
_SECONDS = 0.25  # of an eighth
_RELEASE = 0.25  # seconds behind the last note
_LONGEST = 4  # eighths of a note
LOUDNESS = 100  # MIDI velocity
_LEVEL = 3.0  # one voice at a time: what four would have room for
SPELLING = Characters("_abcdefg#0123456789- ")
_COUNTS = {"tiny": (32, 8, 8), "small": (6000, 100, 100)}  # phrases of each split at most


@dataclass(frozen=True)
class SpelledMelodies:
    """The Source. notes: of a phrase; a phrase begins at every `hop`-th note of a soprano.

    longest: eighths of a phrase; longer ones are left out. program: General MIDI's, that plays.
    """

    size: str = "small"
    notes: int = 4
    hop: int = 2
    longest: int = 8
    program: int = 0
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        if self.size not in _COUNTS:
            raise BadInput(f"no size '{self.size}' of the embedded phrases: {', '.join(_COUNTS)}")

    @property
    def info(self) -> Info:
        url = "https://github.com/cuthbertLab/music21"
        return Info(f"scores/phrases-{self.size}", self.sample_rate, 1, (), LICENCE, url)

    @property
    def samples(self) -> int:
        """Of the longest phrase."""
        return round((self.longest * _SECONDS + _RELEASE) * self.sample_rate)

    def blank(self) -> Example:
        audio = np.zeros((self.samples, 1), np.int16)
        place = {"track": "", "chunk": 0, "length": self.samples}
        return {**place, "audio": audio, "text": "", "notes": none()}

    def prepare(self) -> None:
        """Reads the scores where that is not done, which takes some seconds."""
        cached_pieces(data_dir() / "score_render_work")

    def open(self, split: str) -> Sequence[Example]:
        chosen = split_pieces(cached_pieces(data_dir() / "score_render_work"))[split]
        most = dict(zip(("train", "validation", "test"), _COUNTS[self.size]))[split]
        chorales = (piece for piece in chosen if piece.repertoire == "chorale")
        found = [
            (piece.name, number, *phrase)
            for piece in chorales
            for number, phrase in enumerate(self._phrases(highest_part(piece.parts)))
        ]
        every = max(len(found) // most, 1)  # from all of the pieces
        return _Phrases(self, tuple(found[::every][:most]))

    def _phrases(self, part: np.ndarray) -> Iterator[tuple[tuple[int, int], ...]]:
        """(pitch, eighths) of the notes of each phrase without a rest, as written."""
        onset = np.round(part[:, 0] / _EIGHTH).astype(int)
        lasts = np.clip(np.round(part[:, 1] / _EIGHTH).astype(int), 1, _LONGEST)
        pitches = part[:, 2].astype(int)
        for first in range(0, len(part) - self.notes + 1, self.hop):
            span = slice(first, first + self.notes)
            joined = np.all(onset[span][1:] == (onset + lasts)[span][:-1])
            if joined and lasts[span].sum() <= self.longest:
                yield tuple(zip(pitches[span].tolist(), lasts[span].tolist()))


@dataclass(frozen=True)
class _Phrases(RandomAccess):
    """Phrases, rendered as they are read."""

    source: SpelledMelodies
    found: tuple[tuple, ...]

    def __len__(self) -> int:
        return len(self.found)

    def record(self, index: int) -> Example:
        name, number, *phrase = self.found[index]
        source, notes = self.source, phrase_notes(phrase)
        rate = source.sample_rate
        length = round((float(notes["offset"][-1]) + _RELEASE) * rate)
        sound = Instrument(source.program, rate).play(notes, 0, length)
        ramp = np.clip((length - np.arange(length)) / (_RELEASE * rate), 0, 1)[:, None]
        audio = np.zeros((source.samples, 1), np.int16)
        audio[:length] = to_int16(_LEVEL * sound * ramp)
        place = {"track": name, "chunk": number, "length": length}
        return {**place, "audio": audio, "text": spell_phrase(phrase), "notes": notes}


def spell_phrase(phrase: Sequence[tuple[int, int]]) -> str:
    """(pitch, eighths) of notes as text: `g4 a4- f#4`."""
    return " ".join(
        f"{_NAMES[pitch % 12]}{pitch // 12 - 1}{'-' * (lasts - 1)}" for pitch, lasts in phrase
    )


def phrase_notes(phrase: Sequence[tuple[int, int]]) -> Notes:
    """(pitch, eighths) of notes one after another, in seconds."""
    pitches, lasts = np.array(phrase).T
    offset = np.cumsum(lasts) * _SECONDS
    return {
        "onset": (offset - lasts * _SECONDS).astype(np.float32),
        "offset": offset.astype(np.float32),
        "pitch": pitches.astype(np.int32),
        "velocity": np.full(len(pitches), LOUDNESS, np.int32),
    }
