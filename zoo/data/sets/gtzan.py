"""GTZAN: 1,000 clips of 30 s in ten genres (Tzanetakis and Cook 2002), from the reader's own copy.

Nothing is fetched. Where train_filtered.txt, valid_filtered.txt and test_filtered.txt lie in the
folder or beside it (Kereliuk, Sturm and Larsen's fault-filtered lists: 443, 197 and 290 clips, in
their repository github.com/coreyker/dnn-mgr, folder gtzan), they are the splits; else the clips are
split by a hash of their names, 80 to 10 to 10, which mixes artists and repeated recordings and so
flatters every system: a line says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo.audio import audio_files
from zoo.data import drawing, pcm, plans, records
from zoo.data.source import Example, Info
from zoo.errors import BadInput

GENRES = (
    "blues",
    "classical",
    "country",
    "disco",
    "hiphop",
    "jazz",
    "metal",
    "pop",
    "reggae",
    "rock",
)
CLIPS = 1_000  # one of which is unreadable in every copy
COUNTS = {"train": 443, "validation": 197, "test": 290}
LISTS = {"train": "train", "validation": "valid", "test": "test"}
WANTED = "give GTZAN's genres folder, with files like jazz/jazz.00001.wav"


@dataclass(frozen=True)
class Gtzan:
    """The Source. path: the folder of genres. A file that cannot be read (one is known) is left.

    allow_missing: go without clips that the lists name, which makes results incomparable.
    """

    path: str
    sample_rate: int = 22_050
    seconds: float = 29.0  # of the shortest clip that is taken
    allow_missing: bool = False
    data_dir: str = ""

    @property
    def info(self) -> Info:
        url = "http://marsyas.info/downloads/datasets.html"
        return Info("gtzan", self.sample_rate, 1, GENRES, "not stated; research only", url)

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.seconds * self.sample_rate)

    @property
    def directory(self) -> Path:
        """Where the records lie."""
        name = plans.named_for(f"gtzan-{self.sample_rate}", self._root)
        return records.directory(name, self.data_dir)

    def blank(self) -> Example:
        return plans.blank(self.shortest, 1, tags=len(GENRES))

    def prepare(self) -> None:
        """Decodes the clips to records where they are missing."""
        if records.serve_alone(self._root, self.directory):
            return
        if not self._root.is_dir():
            raise BadInput(f"{self._root}: no such folder; {WANTED}.")
        from zoo.data import builder

        files = [file for file in audio_files.audio_in(self._root) if genre(file) in GENRES]
        if not files:
            raise BadInput(f"{self._root} holds no clips named by genre: {WANTED}.")
        lists = self._lists()
        about = plans.about([*files, *lists.values()], self._root.parent)
        about |= {"source": plans.identity(self._root), "seconds": self.seconds}
        about |= {"allow_missing": self.allow_missing}
        if builder.is_current(about, self.directory):
            records.describe(self.directory)
        else:
            builder.build(self._plan(files, lists, about), self.data_dir)

    def open(self, split: str) -> Sequence[Example]:
        return records.open_records(self.directory, split)

    @property
    def _root(self) -> Path:
        return Path(self.path).expanduser().absolute()

    def _lists(self) -> dict[str, Path]:
        for folder in (self._root, self._root.parent):
            found = {split: folder / f"{name}_filtered.txt" for split, name in LISTS.items()}
            absent = [path.name for path in found.values() if not path.is_file()]
            if not absent:
                return found
            if len(absent) < len(found):
                raise BadInput(f"{folder} has lists of GTZAN but no {' and no '.join(absent)}.")
        return {}

    def _plan(self, files: list[Path], lists: dict[str, Path], about: dict[str, Any]) -> plans.Plan:
        jobs = {file.stem: self._job(file) for file in files}
        absent: list[str] = []
        if lists:
            named = {split: _names(path) for split, path in lists.items()}
            absent = [name for names in named.values() for name in names if name not in jobs]
            if absent and not self.allow_missing:
                listed = ", ".join(absent[:10])
                raise BadInput(
                    f"{self._root}: {len(absent)} clips of the lists are missing: {listed}; "
                    f"{WANTED}, or allow_missing=True takes what is there."
                )
            splits = {s: tuple(jobs[n] for n in names if n in jobs) for s, names in named.items()}
        else:
            drawn = drawing.draw(list(jobs.values()), {"validation": 0.1, "test": 0.1})
            splits = {split: tuple(part) for split, part in drawn.items()}
        rule = "the fault-filtered lists" if lists else "drawn by hash, genres spread evenly"
        notes = plans.comparable(splits, COUNTS) if lists else self._without_lists(len(files))
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs=splits,
            shortest=0,
            tolerate=0.02,
            about=about,
            skipped=tuple((name, "missing") for name in absent),
            rule=rule,
            notes=notes,
        )

    def _without_lists(self, count: int) -> tuple[str, ...]:
        few = f"holds {count:,} clips, not {CLIPS:,}; " if count not in (CLIPS, CLIPS - 1) else ""
        lacking = "no *_filtered.txt lists (github.com/coreyker/dnn-mgr, gtzan)"
        return (f"{few}{lacking}: results are not comparable",)

    def _job(self, file: Path) -> plans.Job:
        return plans.Job(file.stem, partial(self._load, file), tags=_tags(file))

    def _load(self, file: Path) -> Example:
        audio = pcm.load_audio(file, self.sample_rate, 1, self.seconds)
        tags = _tags(file)
        return {"audio": audio, "tags": tags, "known": np.ones_like(tags)}


def _names(path: Path) -> list[str]:
    """Clips of a list, one a line as genre/clip.wav."""
    return [Path(line.strip()).stem for line in path.read_text().splitlines() if line.strip()]


def _tags(file: Path) -> np.ndarray:
    return np.array([name == genre(file) for name in GENRES], np.uint8)


def genre(file: Path) -> str:
    """The part of a clip's name before its number."""
    return file.name.split(".")[0]
