"""GTZAN: 1,000 clips of 30 s in ten genres (Tzanetakis and Cook 2002), from the reader's own copy.

Nothing is fetched. Where train_filtered.txt, valid_filtered.txt and test_filtered.txt lie in the
folder or beside it (Kereliuk, Sturm and Larsen's fault-filtered lists: 443, 197 and 290 clips, in
their repository github.com/coreyker/dnn-mgr, folder gtzan), they are the splits; else the clips are
split by a hash of their names, 80 to 10 to 10, which mixes artists and repeated recordings and so
flatters every system: a line says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.audio import audio_files
from zoo.data import completeness, drawing, pcm, plans
from zoo.data.sets.prepared import Prepared
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
_CLIPS = 1_000  # one of which is unreadable in every copy
_COUNTS = {"train": 443, "validation": 197, "test": 290}
LISTLESS = (
    "no *_filtered.txt lists (github.com/coreyker/dnn-mgr, gtzan): results are not comparable"
)
_LISTS = {"train": "train", "validation": "valid", "test": "test"}
_WANTED = "give GTZAN's genres folder, with files like jazz/jazz.00001.wav"


@dataclass(frozen=True)
class Gtzan(Prepared):
    """The Source. path: the folder of genres. A file that cannot be read (one is known) is left.

    allow_missing: the share of clips that need not be there.
    """

    path: str
    sample_rate: int = 22_050
    seconds: float = 29.0  # of the shortest clip that is taken
    allow_missing: float = 0.0
    data_dir: str = ""

    wanted: ClassVar[str] = _WANTED

    @property
    def info(self) -> Info:
        url = "http://marsyas.info/downloads/datasets.html"
        return Info("gtzan", self.sample_rate, 1, GENRES, "not stated; research only", url)

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.seconds * self.sample_rate)

    @property
    def record_name(self) -> str:
        return f"gtzan-{self.sample_rate}"

    @property
    def root(self) -> Path:
        return Path(self.path).expanduser().absolute()

    def blank(self) -> Example:
        return plans.blank_record(self.shortest, 1, tags=len(GENRES))

    def _lists(self) -> dict[str, Path]:
        for folder in (self.root, self.root.parent):
            found = {split: folder / f"{name}_filtered.txt" for split, name in _LISTS.items()}
            absent = [path.name for path in found.values() if not path.is_file()]
            if not absent:
                return found
            if len(absent) < len(found):
                raise BadInput(f"{folder} has lists of GTZAN but no {' and no '.join(absent)}.")
        return {}

    def plan(self) -> plans.Plan:
        files = [file for file in audio_files.audio_in(self.root) if _genre(file) in GENRES]
        if not files:
            raise BadInput(f"{self.root} holds no clips named by genre: {_WANTED}.")
        lists = self._lists()
        about = plans.files_fingerprint([*files, *lists.values()], self.root.parent)
        about |= {"source": plans.data_identity(self.root), "seconds": self.seconds}
        about |= {"allow_missing": self.allow_missing}
        jobs = {file.stem: self._job(file) for file in files}
        absent: list[str] = []
        if lists:
            named = {split: _names(path) for split, path in lists.items()}
            absent = [name for names in named.values() for name in names if name not in jobs]
            splits = {s: tuple(jobs[n] for n in names if n in jobs) for s, names in named.items()}
            listed = completeness.take_inventory(splits, _COUNTS, absent, "clips")
        else:
            drawn = drawing.draw_splits(list(jobs.values()), {"validation": 0.1, "test": 0.1})
            splits = {split: tuple(part) for split, part in drawn.items()}
            listed = completeness.take_inventory(
                {"the set": files}, {"the set": _CLIPS}, unit="clips"
            )
        rule = "the fault-filtered lists" if lists else "drawn by hash, genres spread evenly"
        notes = plans.comparable(splits, _COUNTS) if lists else (LISTLESS,)
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
            listed=listed,
            notes=notes,
        )

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
    return np.array([name == _genre(file) for name in GENRES], np.uint8)


def _genre(file: Path) -> str:
    """The part of a clip's name before its number."""
    return file.name.split(".")[0]
