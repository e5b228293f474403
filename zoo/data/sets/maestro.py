"""MAESTRO v3 (Hawthorne et al., ICLR 2019): 1,276 piano performances, 199 h, with aligned MIDI.

Made from the user's own download; nothing is fetched. The published split: 962 performances to
train, 137 to validate, 177 to test, no composition in two of them. Audio is decoded once to mono
at the rate of the model; sustain pedal is applied to the notes before any label is made, without
which scores do not compare.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.data import completeness, midi, pcm, plans, records
from zoo.data.note_rolls import none, notes_between
from zoo.data.records import Records
from zoo.data.sets.prepared import Prepared
from zoo.data.source import Example, Info, RandomAccess
from zoo.data.tracks import Track
from zoo.errors import BadInput

COUNTS = {"train": 962, "validation": 137, "test": 177}
_FILES = ("audio_filename", "midi_filename")
_COLUMNS = ("split", "midi_filename", "audio_filename")
URL = "https://magenta.tensorflow.org/datasets/maestro"
LICENCE = "CC BY-NC-SA 4.0"
_WANTED = (
    f"download maestro-v3.0.0.zip (101 GB) from {URL} ({LICENCE}) and give the folder that holds "
    "maestro-v3.0.0.csv and the years"
)


@dataclass(frozen=True)
class Maestro(Prepared):
    """The Source. path: the unpacked folder, with one maestro-*.csv.

    chunk_seconds: the shortest record; a `TrackCrop` reads as many as it needs. allow_missing:
    the share of performances that need not be there.
    """

    path: str
    sample_rate: int = 16_000
    chunk_seconds: float = 20.48
    allow_missing: float = 0.0
    data_dir: str = ""

    wanted: ClassVar[str] = _WANTED

    @property
    def info(self) -> Info:
        return Info("maestro-v3", self.sample_rate, 1, (), LICENCE, URL)

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.chunk_seconds * self.sample_rate)

    @property
    def record_name(self) -> str:
        return f"maestro-{self.sample_rate}-{self.chunk_seconds:g}s"

    def blank(self) -> Example:
        return {**self._stored(), "loudest": 0}

    def _stored(self) -> Example:
        return {**plans.blank_record(self.shortest, 1), "notes": none(), "samples": 0}

    def open(self, split: str) -> Sequence[Example]:
        return OwnNotes(records.open_records(self.directory, split), self.sample_rate)

    def plan(self) -> plans.Plan:
        there, missing = performances(self.root, _FILES)
        jobs: dict[str, list[plans.Job]] = {split: [] for split in COUNTS}
        for row in there:
            load = partial(self._load, *(self.root / row[n] for n in _FILES))
            jobs[row["split"]].append(plans.Job(row["audio_filename"], load))
        files = [self.root / row[n] for row in there for n in _FILES]
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self._stored(),
            jobs={split: tuple(here) for split, here in jobs.items()},
            shortest=self.shortest,
            tolerate=0.0,
            about=plans.files_fingerprint(files, self.root),
            skipped=tuple((name, "missing") for name in missing),
            threads=2,
            rule="the published splits",
            listed=completeness.take_inventory(jobs, COUNTS, missing, "performances"),
            notes=plans.comparable(jobs, COUNTS),
        )

    def _load(self, sound: Path, score: Path) -> Example:
        audio = pcm.load_audio(sound, self.sample_rate, 1)
        return {"audio": audio, "notes": midi.read_notes(score), "samples": len(audio)}


def performances(
    root: Path, files: Sequence[str], wanted: str = _WANTED
) -> tuple[list[dict[str, str]], list[str]]:
    """Rows of the table in a folder whose files are there, and what those that lack one lack.

    files: the columns of the files that are asked for. wanted: what would be right, for messages.
    """
    tables = sorted(root.glob("maestro-*.csv"))
    if len(tables) != 1:
        raise BadInput(f"{root} holds {len(tables)} files maestro-*.csv: {wanted}.")
    with open(tables[0], newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lacking = set(_COLUMNS) - set(rows[0] if rows else ())
    if lacking:
        raise BadInput(f"{tables[0]} lacks {', '.join(sorted(lacking))}: download it again.")
    absent = [[row[n] for n in files if not (root / row[n]).is_file()] for row in rows]
    there = [row for row, names in zip(rows, absent) if not names]
    return there, [names[0] for names in absent if names]


@dataclass(frozen=True)
class OwnNotes(RandomAccess):
    """Records whose notes are those that sound in them, with times from their own first sample.

    loudest: the largest velocity of the performance.
    Every stored chunk holds the notes of its whole performance of `samples`, which
    `records.cut_chunks` cannot divide.
    """

    records: Records
    rate: int

    def __len__(self) -> int:
        return len(self.records)

    def record(self, index: int) -> Example:
        record = self.records[index]
        start = int(record["samples"]) * int(record["chunk"]) // int(record["chunks"])
        length = int(record["length"])
        loudest = int(np.max(record["notes"]["velocity"], initial=1))
        notes = notes_between(record["notes"], start / self.rate, length / self.rate)
        own = {name: np.asarray(notes[name]) for name in none()}
        return {**record, "notes": own, "loudest": loudest}

    def track_index(self) -> tuple[Track, ...]:
        return self.records.track_index()

    def window(
        self,
        track: Track,
        start: int,
        samples: int,
        stagger: int,
        rng: np.random.Generator,
        into: Example | None = None,
    ) -> Example:
        """A part of a performance, with the notes that sound in it."""
        record = self.records.window(track, start, samples, stagger, rng, into)
        loudest = int(np.max(record["notes"]["velocity"], initial=1))
        notes = notes_between(record["notes"], start / self.rate, samples / self.rate)
        return {**record, "notes": notes, "loudest": loudest}
