"""What readers of published data sets share: records made once, from the user's own download."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.data import completeness, plans, records
from zoo.data.source import Example, Info
from zoo.errors import BadInput


class Prepared(ABC):
    """Base of a Source, a frozen dataclass with `path`, `allow_missing` and `data_dir`.

    allow_missing: the share of the published files that need not be there (`zoo.data.completeness`
    has the rule), which makes results incomparable. wanted: what the folder at `path` should be,
    and where it comes from, for messages. record_name: that of the records, with all settings that
    change them. plan: the files, their splits and tags, and what is missing.
    """

    path: str
    allow_missing: float
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
    def root(self) -> Path:
        return Path(self.path).expanduser()

    @property
    def directory(self) -> Path:
        """Where the records lie."""
        return records.directory(plans.named_for(self.record_name, self.root), self.data_dir)

    def prepare(self) -> None:
        """Decodes the files to records where these are missing or the files have changed."""
        if records.serve_alone(self.root, self.directory, self.allow_missing):
            return
        if not self.root.is_dir():
            raise BadInput(f"{self.root}: no such folder; {self.wanted}.")
        plan = self.plan()
        make_records(
            plan, self.root, self.directory, self.data_dir, self.allow_missing, self.wanted
        )

    def open(self, split: str) -> Sequence[Example]:
        return records.open_records(self.directory, split)


def one_of(names: Sequence[str], name: str) -> np.ndarray:
    """Tags [K] uint8 with a one at `name`."""
    return np.array([name == other for other in names], np.uint8)


def labelled_record(audio: object, tags: np.ndarray) -> Example:
    """A record of audio [T C] whose labels [K] are all known."""
    return {"audio": audio, "tags": tags, "known": np.ones_like(tags)}


def make_records(
    plan: plans.Plan, root: Path, directory: Path, data_dir: str, allowed: float, wanted: str
) -> None:
    """The records of a plan, made where they are missing or the files have changed.

    raises BadInput where more of the data set than the share `allowed` is not there.
    """
    from zoo.data import builder

    notes = completeness.check_completeness(root, plan.listed, allowed, wanted)
    if builder.is_current(plan.about, directory):
        records.print_split_notice(directory)
    else:
        builder.build_records(replace(plan, notes=(*notes, *plan.notes)), data_dir)


def read_list(path: Path, wanted: str) -> list[str]:
    """The lines of a published list that are not empty. raises BadInput where it is not there."""
    if not path.is_file():
        raise BadInput(f"{path} is not there: {wanted}.")
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no text in UTF-8: {wanted}.") from error


def first_duplicate(names: Iterable[str]) -> str:
    """The first name that occurs twice, or ''."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""
