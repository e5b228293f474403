"""MAPS, music only (Emiya, Badeau and David 2010): 270 piano pieces with aligned notes.

Made from the user's own copy; nothing is fetched. Two layouts: the original, PIANO/MUS with .wav
and .mid, whose sustain pedal is applied; and that of github.com/jongwook/onsets-and-frames, flac/
and tsv/matched/, which has 218 recordings. As Hawthorne et al. (ISMIR 2018): the two recorded
Disklaviers are the test, 60 pieces, and of the seven synthesised pianos those pieces train that are
not in it, 139; a tenth of these, by piece, is validation, which is a choice of ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.data import completeness, drawing, midi, pcm, plans, records
from zoo.data.note_rolls import Notes, none
from zoo.data.sets.maestro import OwnNotes
from zoo.data.sets.prepared import Prepared, read_list
from zoo.data.source import Example, Info
from zoo.errors import BadInput

RECORDED = ("ENSTDkAm", "ENSTDkCl")
SYNTHESISED = (
    *("AkPnBcht", "AkPnBsdf", "AkPnCGdD", "AkPnStgb", "SptkBGAm", "SptkBGCl", "StbgTGd2"),
)
_NAME = re.compile(r"MAPS_MUS-(.+)_([A-Za-z0-9]+)")
_COUNTS = {"train and validation": 139, "test": 60}
_HEADER = "onset"  # begins the first line of a .tsv, perhaps behind a hash
_URL = "https://adasp.telecom-paris.fr/resources/2010-07-08-maps-database/"


@dataclass(frozen=True)
class Maps(Prepared):
    """The Source. path: the folder of pianos, or the one with flac/ and tsv/matched/.

    chunk_seconds: the shortest record, so the longest possible crop.
    """

    path: str
    sample_rate: int = 16_000
    chunk_seconds: float = 20.48
    data_dir: str = ""
    allow_missing: float = 0.0

    wanted: ClassVar[str] = (
        f"get MAPS from {_URL} (CC BY-NC-SA; folders as ENSTDkCl/MUS with .wav and .mid), or clone "
        "github.com/jongwook/onsets-and-frames and give its data/MAPS (flac and tsv/matched)"
    )

    @property
    def info(self) -> Info:
        return Info("maps", self.sample_rate, 1, (), "CC BY-NC-SA", _URL)

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.chunk_seconds * self.sample_rate)

    @property
    def record_name(self) -> str:
        return f"maps-{self.sample_rate}-{self.chunk_seconds:g}s"

    def blank(self) -> Example:
        return {**self._stored(), "loudest": 0}

    def _stored(self) -> Example:
        return {**plans.blank_record(self.shortest, 1), "notes": none(), "samples": 0}

    def open(self, split: str) -> Sequence[Example]:
        return OwnNotes(records.open_records(self.directory, split), self.sample_rate)

    def plan(self) -> plans.Plan:
        pairs = self._pairs()
        missing = [str(score.relative_to(self.root)) for _, score in pairs if not score.is_file()]
        pairs = [pair for pair in pairs if pair[1].is_file()]
        jobs, overlapping = self._jobs(pairs)
        found = {"train and validation": jobs["train"] + jobs["validation"], "test": jobs["test"]}
        files = [file for pair in pairs for file in pair]
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self._stored(),
            jobs={split: tuple(listed) for split, listed in jobs.items()},
            shortest=self.shortest,
            tolerate=0.0,
            about=plans.files_fingerprint(files, self.root),
            skipped=tuple((track, "its piece is in the test") for track in overlapping),
            threads=2,
            rule="recorded pianos are the test; a tenth of the other pieces is validation",
            listed=completeness.take_inventory(found, _COUNTS, missing),
            notes=plans.comparable(found, _COUNTS),
        )

    def _pairs(self) -> list[tuple[Path, Path]]:
        """(sound, notes) of every recording, by name."""
        flac = sorted((self.root / "flac").glob("MAPS_MUS-*.flac"))
        if flac:
            scores = self.root / "tsv" / "matched"
            return [(file, scores / f"{file.stem}.tsv") for file in flac]
        wav = sorted(self.root.glob("**/MUS/MAPS_MUS-*.wav"), key=lambda file: file.name)
        if not wav:
            raise BadInput(f"{self.root} holds no recordings of MAPS: {self.wanted}.")
        return [(file, file.with_suffix(".mid")) for file in wav]

    def _jobs(
        self, pairs: Sequence[tuple[Path, Path]]
    ) -> tuple[dict[str, list[plans.Job]], list[str]]:
        """Jobs by split, and the tracks whose piece is in the test."""
        named = {sound: piece_of(sound) for sound, _ in pairs}
        tested = {piece for piece, piano in named.values() if piano in RECORDED}
        free, test, left = [], [], []
        for sound, score in pairs:
            piece, piano = named[sound]
            job = plans.Job(sound.stem, partial(self._load, sound, score), group=piece)
            if piano in RECORDED:
                test.append(job)
            elif piece in tested:
                left.append(sound.stem)
            else:
                free.append(job)
        return {**drawing.draw_splits(free, {"validation": 0.1}), "test": test}, left

    def _load(self, sound: Path, score: Path) -> Example:
        audio = pcm.load_audio(sound, self.sample_rate, 1)
        notes = read_tsv(score) if score.suffix == ".tsv" else midi.read_notes(score)
        return {"audio": audio, "notes": notes, "samples": len(audio)}


def piece_of(sound: Path) -> tuple[str, str]:
    """('chpn-p19', 'ENSTDkCl') of MAPS_MUS-chpn-p19_ENSTDkCl.wav. raises BadInput."""
    named = _NAME.fullmatch(sound.stem)
    if named is None or named[2] not in (*RECORDED, *SYNTHESISED):
        raise BadInput(f"{sound} is named as no recording of MAPS: take it out of the folder.")
    return named[1], named[2]


def read_tsv(path: Path) -> Notes:
    """Notes of lines 'onset, offset, pitch, velocity' behind a header. raises BadInput."""
    head, *rows = read_list(path, "clone the repository again") or [""]
    if _HEADER not in head.lower():
        raise BadInput(f"{path} begins with '{head[:40]}', not with onset, offset, note, velocity.")
    found = []
    for number, row in enumerate(rows, 2):
        try:
            onset, offset, pitch, velocity = map(float, row.split("\t"))
        except ValueError as error:
            raise BadInput(f"{path}, line {number}: '{row[:40]}' is no note.") from error
        if not 0 <= onset <= offset or not 0 <= pitch <= 127 or not 0 <= velocity <= 127:
            raise BadInput(f"{path}, line {number}: '{row[:40]}' is no note.")
        found.append((onset, offset, pitch, velocity))
    if not found:
        raise BadInput(f"{path} holds no notes: clone the repository again.")
    columns = np.asarray(sorted(found), np.float64).T
    keys = {key: like.dtype for key, like in none().items()}
    return {key: column.astype(keys[key]) for key, column in zip(keys, columns)}
