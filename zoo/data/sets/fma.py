"""FMA (Defferrard et al., ISMIR 2017): clips of 30 s from the Free Music Archive, by top genre.

Made from the user's own download; nothing is fetched. Three sizes: small (8,000 clips, 8 balanced
genres), medium (25,000, 16 genres) and large (106,574, of which those without a top genre are left
out). Splits are the published ones, in tracks.csv, which keep an artist in one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from zoo import numerals
from zoo.data import completeness, pcm, plans
from zoo.data.sets.prepared import Prepared, labelled_record, one_of
from zoo.data.source import Example, Info
from zoo.errors import BadInput

SMALL = (
    *("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International"),
    *("Pop", "Rock"),
)
GENRES = tuple(
    sorted(
        (
            *SMALL,
            *("Blues", "Classical", "Country", "Easy Listening", "Jazz", "Old-Time / Historic"),
            *("Soul-RnB", "Spoken"),
        )
    )
)
SIZES = {"small": ("small",), "medium": ("small", "medium"), "large": ("small", "medium", "large")}
_SPLITS = {"training": "train", "validation": "validation", "test": "test"}
_COUNTS = {
    "small": {"train": 6_400, "validation": 800, "test": 800},
    "medium": {"train": 19_922, "validation": 2_505, "test": 2_573},
}
# Too short, or not to be decoded, in every copy (issues of github.com/mdeff/fma).
_BROKEN = ("098565", "098567", "098569", "099134", "108925", "133297")
SECONDS = 29.0  # of the shortest clip that is taken
_URL = "https://github.com/mdeff/fma"


@dataclass(frozen=True)
class Fma(Prepared):
    """The Source. path: a folder with fma_metadata/tracks.csv and fma_small (medium, large).

    allow_missing: the share of clips that need not be there. Tags are one of K, the top genre.
    """

    path: str
    size: Literal["small", "medium", "large"] = "small"
    sample_rate: int = 16_000
    allow_missing: float = 0.0
    data_dir: str = ""

    wanted: ClassVar[str] = (
        f"download fma_metadata.zip and fma_small.zip (7 GB), fma_medium.zip (22 GB) or "
        f"fma_large.zip (93 GB), which {_URL} names (audio: licence of each artist; metadata: CC "
        "BY 4.0), and unpack them side by side"
    )

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise BadInput(f"size={self.size}: choose {', '.join(SIZES)}.")

    @property
    def info(self) -> Info:
        genres = SMALL if self.size == "small" else GENRES
        return Info(f"fma-{self.size}", self.sample_rate, 1, genres, "of each artist", _URL)

    @property
    def record_name(self) -> str:
        return f"{self.info.name}-{self.sample_rate}"

    def blank(self) -> Example:
        return plans.blank_record(round(SECONDS * self.sample_rate), 1, tags=len(self.info.labels))

    def plan(self) -> plans.Plan:
        rows = list(self._rows())
        listed = {track: file for track, file, _, _ in rows}
        missing = [track for track, file in listed.items() if not file.is_file()]
        jobs: dict[str, list[plans.Job]] = {split: [] for split in _SPLITS.values()}
        for track, file, split, genre in rows:
            if track not in _BROKEN and file.is_file():
                tags = one_of(self.info.labels, genre)
                jobs[split].append(plans.Job(track, partial(self._load, file, tags)))
        there = [file for file in listed.values() if file.is_file()]
        full = sum(_COUNTS.get(self.size, {}).values())
        broken = [track for track in listed if track in _BROKEN]
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs={split: tuple(found) for split, found in jobs.items()},
            shortest=0,
            tolerate=0.001,
            about=plans.files_fingerprint([*there, self._table], self.root),
            skipped=(
                *((track, "missing") for track in missing),
                *((track, "broken in every copy") for track in broken),
            ),
            rule="the published splits",
            listed=completeness.take_inventory({"the table": there}, {"the table": full}, missing),
            notes=self._notes({split: len(found) for split, found in jobs.items()}, len(broken)),
        )

    def _notes(self, found: dict[str, int], broken: int) -> tuple[str, ...]:
        official = _COUNTS.get(self.size)
        if official is None or sum(found.values()) + broken == sum(official.values()):
            return ()
        counted = f"{sum(found.values()):,} clips, not {sum(official.values()):,}"
        return (f"{counted}: results are not comparable",)

    @property
    def _table(self) -> Path:
        file = self.root / "fma_metadata" / "tracks.csv"
        if not file.is_file():
            raise BadInput(f"{file} is not there: {self.wanted}.")
        return file

    def _rows(self) -> Iterator[tuple[str, Path, str, str]]:
        """(six digits of the track, its file, split, genre) of this size."""
        audio = self.root / f"fma_{self.size}"
        if not audio.is_dir():
            raise BadInput(f"{self.root} has no folder {audio.name}: {self.wanted}.")
        with open(self._table, newline="", encoding="utf-8") as file:
            table = csv.reader(file)
            heads = list(zip(next(table, ()), next(table, ())))
            next(table, ())  # the name of the index
            wanted = (("set", "subset"), ("set", "split"), ("track", "genre_top"))
            if not set(wanted) <= set(heads):
                named = ", ".join(" ".join(head) for head in wanted)
                raise BadInput(f"{self._table} lacks columns {named}: download it again.")
            places = [heads.index(head) for head in wanted]
            for number, row in enumerate(table, 4):
                yield from self._row(number, row, places, audio)

    def _row(
        self, number: int, row: list[str], places: list[int], audio: Path
    ) -> Iterator[tuple[str, Path, str, str]]:
        if len(row) <= max(places) or not numerals.is_count(row[0]):
            raise BadInput(f"{self._table}, line {number}, is cut off: download it again.")
        subset, split, genre = (row[place] for place in places)
        if subset not in SIZES[self.size] or not genre:
            return
        if split not in _SPLITS or genre not in self.info.labels:
            raise BadInput(
                f"{self._table}, line {number}: split '{split}', genre '{genre}' are not FMA's."
            )
        track = f"{int(row[0]):06d}"
        yield track, audio / track[:3] / f"{track}.mp3", _SPLITS[split], genre

    def _load(self, file: Path, tags: np.ndarray) -> Example:
        return labelled_record(
            pcm.load_audio(file, self.sample_rate, 1, SECONDS, allow_silent=True), tags
        )
