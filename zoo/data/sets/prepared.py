"""What readers of published data sets share: records made once, from the user's own download."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.data import plans, records
from zoo.data.source import Example, Info
from zoo.errors import BadInput


class Prepared(ABC):
    """Base of a Source, a frozen dataclass with `path` and `data_dir`.

    wanted: what the folder at `path` should be, and where it comes from, for messages. record_name:
    that of the records, with all settings that change them. plan: the files, their splits and tags.
    needed: the tracks of every split without which records of files that are gone are refused, and
    how many there are in all, where no split is published.
    """

    path: str
    data_dir: str
    wanted: ClassVar[str]

    @property
    @abstractmethod
    def info(self) -> Info: ...

    @property
    @abstractmethod
    def record_name(self) -> str: ...

    @abstractmethod
    def plan(self) -> plans.Plan: ...

    @property
    def needed(self) -> tuple[Mapping[str, int], int]:
        return {}, 0

    @property
    def root(self) -> Path:
        return Path(self.path).expanduser()

    @property
    def directory(self) -> Path:
        """Where the records lie."""
        return records.directory(plans.named_for(self.record_name, self.root), self.data_dir)

    def prepare(self) -> None:
        """Decodes the files to records where these are missing or the files have changed."""
        if records.serve_alone(self.root, self.directory, *self.needed):
            return
        if not self.root.is_dir():
            raise BadInput(f"{self.root}: no such folder; {self.wanted}.")
        from zoo.data import builder

        plan = self.plan()
        if builder.is_current(plan.about, self.directory):
            records.describe(self.directory)
        else:
            builder.build(plan, self.data_dir)

    def open(self, split: str) -> Sequence[Example]:
        return records.open_records(self.directory, split)


def one_of(names: Sequence[str], name: str) -> np.ndarray:
    """Tags [K] uint8 with a one at `name`."""
    return np.array([name == other for other in names], np.uint8)


def labelled(audio: object, tags: np.ndarray) -> Example:
    """A record of audio [T C] whose labels [K] are all known."""
    return {"audio": audio, "tags": tags, "known": np.ones_like(tags)}


def refuse_missing(
    root: Path, missing: Sequence[str], total: int, allowed: float, wanted: str
) -> None:
    """raises BadInput where more than the share `allowed` of the listed files is not there."""
    if len(missing) > allowed * total:
        more = ", ..." if len(missing) > 5 else ""
        raise BadInput(
            f"{root}: {len(missing):,} of {total:,} files are missing: {', '.join(missing[:5])}"
            f"{more}; {wanted}, or allow_missing={len(missing) / total:.3f} takes what is there."
        )


def lines(path: Path, wanted: str) -> list[str]:
    """The lines of a published list that are not empty. raises BadInput where it is not there."""
    if not path.is_file():
        raise BadInput(f"{path} is not there: {wanted}.")
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no text in UTF-8: {wanted}.") from error


def doubled(names: Iterable[str]) -> str:
    """The first name that occurs twice, or ''."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""
