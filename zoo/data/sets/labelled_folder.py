"""A folder of the user's audio with labels in a CSV, which may be named before it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from zoo.data import plans
from zoo.data.sets.folder import Folder
from zoo.data.source import Example, Info


@dataclass(frozen=True)
class LabelledFolder:
    """`Folder` with labels, whose networks can be built without its CSV.

    labels: the CSV; '' is labels.csv inside the folder. places: how many labels there are as long
    as the CSV is not there, so that `python -m zoo info` has something to show; `prepare` then says
    that it is missing.
    """

    path: str
    sample_rate: int
    labels: str = ""
    chunk_seconds: float = 10.0
    places: int = 6

    @property
    def csv(self) -> Path:
        """Where the labels stand."""
        return Path(self.labels or f"{self.path}/labels.csv").expanduser()

    @cached_property
    def _folder(self) -> Folder:
        return Folder(
            self.path, self.sample_rate, labels=str(self.csv), chunk_seconds=self.chunk_seconds
        )

    @property
    def info(self) -> Info:
        if self.csv.is_file():
            return self._folder.info
        names = tuple(f"label {number + 1}" for number in range(self.places))
        return replace(replace(self._folder, labels=None).info, labels=names)

    @property
    def directory(self) -> Path:
        """Where the records lie."""
        return self._folder.directory

    def blank(self) -> Example:
        samples = round(self.chunk_seconds * self.sample_rate)
        return plans.blank_record(samples, 1, 0, len(self.info.labels))

    def prepare(self) -> None:
        self._folder.prepare()

    def open(self, split: str) -> Sequence[Example]:
        return self._folder.open(split)
