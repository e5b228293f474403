"""A row of results/REPRODUCED.md: a system, the data of others, a protocol, a published figure."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from zoo import durable
from zoo.errors import BadInput
from zoo.metrics.resampling import Interval


@dataclass(frozen=True)
class PublishedData:
    """Files as their publisher keeps them in a repository, and what tells them from others.

    folder: the name of the clone below the user's folder of data. files: patterns below it. count:
    of the files that match. sha256: of the lines 'SHA-256  PATH' of all of them, in order of path.
    """

    folder: str
    url: str
    revision: str
    licence: str
    files: tuple[str, ...]
    count: int
    sha256: str

    def listed(self, root: Path) -> list[Path]:
        """The files that are there, in order of path."""
        base = root / self.folder
        found = {path for pattern in self.files for path in base.glob(pattern)}
        return sorted(path for path in found if path.is_file())

    def check(self, root: Path) -> None:
        """Raises BadInput, with the command that brings the data, unless all is as it was."""
        base, found = root / self.folder, self.listed(root)
        if len(found) < self.count:
            raise BadInput(
                f"{base} has {len(found)} of the {self.count} files {self.named}: "
                f"{self.fetch(root)} (licence: {self.licence}), or name the folder above the clone "
                "with --data"
            )
        if (there := digest(found, base)) != self.sha256:
            raise BadInput(
                f"{base} holds other files {self.named} than the row was made of "
                f"(SHA-256 {there[:12]}..., not {self.sha256[:12]}...): "
                f"git -C {shlex.quote(str(base))} checkout {self.revision}"
            )

    @property
    def named(self) -> str:
        """The patterns, the first of many."""
        shown = ", ".join(self.files[:3])
        return shown if len(self.files) <= 3 else f"{shown}, ..."

    def fetch(self, root: Path) -> str:
        """The command that brings the files."""
        base = shlex.quote(str(root / self.folder))
        return f"git clone {self.url} {base} && git -C {base} checkout {self.revision}"


def digest(files: list[Path], base: Path) -> str:
    """The SHA-256 of the lines 'SHA-256  PATH' of files below a folder."""
    lines = (
        f"{durable.file_sha256(file)}  {file.relative_to(base).as_posix()}\n" for file in files
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Place:
    """Where a row is made. data: the user's folder of clones. work: what an interrupted row keeps.

    results: the folder of results, whose folder `reproduced` gets the row.
    """

    data: Path
    work: Path
    results: Path


@dataclass(frozen=True)
class Outcome:
    """What a protocol found. intervals: 95 %, over items, or of one more run where runs > 1."""

    metrics: Mapping[str, float]
    protocol: str
    counts: Mapping[str, int] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)  # standard deviation over runs
    runs: int = 1
    seconds: float = 0.0  # of CPU


class _Way(Protocol):
    """How a row is made: by parts that are kept, or by training a config."""

    def run(self, row: Reproduction, place: Place) -> Outcome | None:
        """None where a signal ended it early; the same call goes on."""

    def config(self) -> str | None:
        """The row of a config that it trains, whose results stand with those of all configs."""


@dataclass(frozen=True)
class Reproduction:
    """One row. on: which part of the data. published: by the names of our metrics.

    source: where the published figures stand; it says 'read there', or 'unchecked' where they were
    not compared with the publication. tolerance: what may lie between published and ours where
    nothing is drawn: half a unit of the last printed digit, or what float32 programs differ by;
    None: ours has an interval. at_least: the published figures are bounds. remark: why
    ours differs.
    """

    name: str
    system: str
    on: str
    way: _Way
    published: Mapping[str, float]
    source: str
    data: PublishedData | None = None
    tolerance: float | None = None
    at_least: bool = False
    remark: str = ""
