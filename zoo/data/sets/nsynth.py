"""NSynth (Engel et al. 2017): 305,979 notes of four seconds at 16 kHz, with pitch and instrument.

Made from the user's own download of the json/wav release; nothing is fetched. 'full' has the
splits of the release, in which no instrument of training occurs again; 'gansynth' the acoustic
notes of MIDI pitches 24 to 84 of all three parts, split by the published list gansynth_splits.csv
(Engel et al. 2019): every instrument may occur in each split, no note twice. The paper says 80 to
20 per cent; the list has 70 to learn from, 20 and 10, and the authors' code trains on these 70.
The counts of its two other splits are reported, unchecked.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from zoo.audio.probing import read_header
from zoo.data import completeness, pcm, plans
from zoo.data.sets.prepared import Prepared, one_of, read_list
from zoo.data.source import Example, Info
from zoo.errors import BadInput

FAMILIES = (
    "bass",
    "brass",
    "flute",
    "guitar",
    "keyboard",
    "mallet",
    "organ",
    "reed",
    "string",
    "synth_lead",
    "vocal",
)
ACOUSTIC = 0  # of 'instrument_source': acoustic, electronic, synthetic
PITCHES = range(24, 85)  # of GANSynth's subset
_RATE = 16_000
_SAMPLES = 64_000
_PARTS = {"train": "train", "validation": "valid", "test": "test"}  # as the release names them
COUNTS = {
    "full": {"train": 289_205, "validation": 12_678, "test": 4_096},
    "gansynth": {"train": 60_788, "validation": 17_469, "test": 8_518},
}
LIST = "gansynth_splits.csv"
_NAME = re.compile(r"[a-z_]+_\d{3}-(\d{3})-(\d{3})")  # instrument, pitch and velocity
_NUMBERS = {
    "pitch": range(128),
    "velocity": range(128),
    "instrument_family": range(len(FAMILIES)),
    "instrument_source": range(3),
}
_URL = "https://magenta.tensorflow.org/datasets/nsynth"
_Notes = dict[str, tuple[Path, Mapping[str, Any]]]


@dataclass(frozen=True)
class NSynth(Prepared):
    """The Source. path: the folder with nsynth-train, nsynth-valid and nsynth-test.

    Tags are one of K, the family of the instrument. subset: 'gansynth' or 'full'. allow_missing:
    the share of notes that need not be there.
    """

    path: str
    subset: str = "gansynth"
    allow_missing: float = 0.0
    data_dir: str = ""

    wanted: ClassVar[str] = (
        f"download nsynth-train, -valid and -test.jsonwav.tar.gz (CC BY 4.0, 25 GB, {_URL}) and "
        "give the folder they unpack into, where nsynth-train holds examples.json and audio"
    )

    def __post_init__(self) -> None:
        if self.subset not in COUNTS:
            raise BadInput(f"subset={self.subset}: choose {', '.join(COUNTS)}.")

    @property
    def info(self) -> Info:
        return Info(f"nsynth-{self.subset}", _RATE, 1, FAMILIES, "CC BY 4.0", _URL)

    @property
    def record_name(self) -> str:
        return self.info.name

    def blank(self) -> Example:
        number = np.int64(0)
        facts = {"pitch": number, "velocity": number, "family": number, "source": number}
        return {**plans.blank_record(_SAMPLES, 1, tags=len(FAMILIES)), **facts}

    def plan(self) -> plans.Plan:
        unknown: list[str] = []
        parts = {split: self._notes(f"nsynth-{part}") for split, part in _PARTS.items()}
        lists = [self.root / f"nsynth-{part}" / "examples.json" for part in _PARTS.values()]
        if self.subset == "gansynth":
            lists.append(self.root / LIST)
            parts, unknown = self._published(parts)
        named = {note: file for notes in parts.values() for note, (file, _) in notes.items()}
        absent = {note for note, file in named.items() if not file.is_file()}
        missing = [f"{named[note].relative_to(self.root)}" for note in sorted(absent)] + unknown
        jobs = {
            split: tuple(
                plans.Job(note, partial(_load, file, facts))
                for note, (file, facts) in sorted(notes.items())
                if note not in absent
            )
            for split, notes in parts.items()
        }
        files = [file for note, file in named.items() if note not in absent]
        rule = "the published list" if self.subset == "gansynth" else "those of the release"
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs=jobs,
            shortest=_SAMPLES,
            tolerate=0.001,
            about=plans.files_fingerprint([*files, *lists], self.root),
            rule=rule,
            listed=completeness.take_inventory(jobs, COUNTS[self.subset], missing),
            notes=plans.comparable(jobs, COUNTS[self.subset]),
        )

    def _notes(self, part: str) -> _Notes:
        """Files and facts of a part of the release, by the names of the notes."""
        path = self.root / part / "examples.json"
        try:
            listed = json.loads("\n".join(read_list(path, self.wanted)))
        except (json.JSONDecodeError, RecursionError) as error:
            raise BadInput(f"{path} is cut off or no JSON: {self.wanted}.") from error
        if not isinstance(listed, dict) or not listed:
            raise BadInput(f"{path} lists no notes by name: {self.wanted}.")
        for note, facts in listed.items():
            _check(path, note, facts)
        return {
            note: (self.root / part / "audio" / f"{note}.wav", facts)
            for note, facts in listed.items()
        }

    def _published(self, parts: Mapping[str, _Notes]) -> tuple[dict[str, _Notes], list[str]]:
        """The notes of GANSynth's subset by its splits, and those without facts."""
        everything = {note: found for notes in parts.values() for note, found in notes.items()}
        split_of = self._list()
        unknown = [note for note in split_of if note not in everything]
        splits: dict[str, _Notes] = {split: {} for split in _PARTS}
        for note, split in split_of.items():
            if note in everything:
                facts = everything[note][1]
                if facts["instrument_source"] != ACOUSTIC or facts["pitch"] not in PITCHES:
                    raise BadInput(
                        f"{self.root / LIST} lists {note}, which is not an acoustic note of pitch "
                        "24 to 84: take the list that belongs to this release."
                    )
                splits[split][note] = everything[note]
        return splits, unknown

    def _list(self) -> dict[str, str]:
        """The split of every note of the published list."""
        path = self.root / LIST
        wanted = f"{self.wanted}; put {LIST} (2.95 MB, columns id and split, same host) beside them"
        rows = list(csv.DictReader(read_list(path, wanted)))
        named = {part: split for split, part in _PARTS.items()}
        found: dict[str, str] = {}
        for number, row in enumerate(rows, 2):
            note, part = row.get("id"), row.get("split")
            if not note or part not in named:
                raise BadInput(f"{path}, line {number}: not an id and train, valid or test.")
            if note in found:
                raise BadInput(f"{path}, line {number}: {note} is listed twice.")
            found[note] = named[part]
        return found


def _check(path: Path, note: str, facts: object) -> None:
    """raises BadInput where the facts of a note are not those of the release."""
    named = _NAME.fullmatch(note)
    if named is None:
        raise BadInput(f"{path}: {note!r} is named otherwise than guitar_acoustic_010-060-075.")
    if not isinstance(facts, dict):
        raise BadInput(f"{path}: {note} has no facts such as its pitch.")
    for key, allowed in _NUMBERS.items():
        if type(facts.get(key)) is not int or facts[key] not in allowed:
            raise BadInput(
                f"{path}: {note} has {key}={facts.get(key)!r}, not a number of "
                f"{allowed[0]} to {allowed[-1]}."
            )
    if (facts["pitch"], facts["velocity"]) != tuple(int(number) for number in named.groups()):
        raise BadInput(
            f"{path}: {note} has pitch {facts['pitch']} and velocity {facts['velocity']}, its "
            "name says otherwise: it is not the original."
        )


def _load(file: Path, facts: Mapping[str, Any]) -> Example:
    found = read_header(file)
    if (found.channels, found.rate) != (1, _RATE):
        raise BadInput(
            f"{file} has {found.channels} channel(s) of {found.rate:,} Hz, not one of {_RATE:,}: "
            "it is not the original."
        )
    audio = np.asarray(pcm.load_audio(file, _RATE, 1))
    if len(audio) > _SAMPLES:
        raise BadInput(f"{file} has {len(audio):,} samples, not {_SAMPLES:,}: not the original.")
    tags = one_of(FAMILIES, FAMILIES[facts["instrument_family"]])
    numbers = {"pitch": "pitch", "velocity": "velocity"}
    numbers |= {"family": "instrument_family", "source": "instrument_source"}
    kept = {name: np.int64(facts[key]) for name, key in numbers.items()}
    return {"audio": audio, "tags": tags, "known": np.ones_like(tags), **kept}
