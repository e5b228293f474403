"""Cross-validation: any source's tracks, dealt anew into k folds of which one is tested.

Tags are spread evenly over the folds (the same draw as that of splits), groups of tracks stay
together, and a track's fold depends on names and tags alone: fold i of k is the same for everyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np

from zoo.data import drawing, groups
from zoo.data.plans import Job
from zoo.data.records import SPLITS, NoSplit
from zoo.data.source import Example, Info, RandomAccess, Source
from zoo.errors import BadInput


@dataclass(frozen=True)
class Folded:
    """A Source: fold `fold` of `folds` is the test, the next one validation, the rest training.

    source: whose own splits are put together. group: what is dealt together: None, files of one
    folder where folders hold pieces of songs (zoo.data.groups); a number, of folders from the top
    of a track's name; 0, every track alone. validation: False learns from that fold, too, and
    validates on the test fold, as papers without a validation set do.
    """

    source: Source
    fold: int
    folds: int = 10
    group: int | None = None
    validation: bool = True

    def __post_init__(self) -> None:
        if self.folds < 2 or (self.validation and self.folds < 3):
            raise BadInput(f"folds={self.folds}: give 3 or more, of which one validates.")
        if not 0 <= self.fold < self.folds:
            raise BadInput(f"fold={self.fold}: give 0 to {self.folds - 1}, of folds={self.folds}.")

    @property
    def info(self) -> Info:
        return self.source.info

    def blank(self) -> Example:
        return self.source.blank()

    def prepare(self) -> None:
        self.source.prepare()

    def open(self, split: str) -> Sequence[Example]:
        parts = _opened(self.source)
        held = (self.fold + 1) % self.folds if self.validation else self.fold
        folds = np.array(_dealt(self.source, self.folds, self.group), int)
        chosen = {
            "test": folds == self.fold,
            "validation": folds == held,
            "train": (folds != self.fold) & (folds != held),
        }
        if split not in chosen:
            raise BadInput(f"no split '{split}' of folds: it is {', '.join(chosen)}.")
        index = np.flatnonzero(chosen[split])
        if not len(index):
            raise NoSplit(f"{self.info.name}: fold {self.fold} of {self.folds} holds nothing")
        return _Picked(tuple(parts), tuple(index.tolist()))


@dataclass(frozen=True)
class _Picked(RandomAccess):
    """The records of these numbers in several sequences put one after another."""

    parts: tuple[Sequence[Example], ...]
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    def record(self, index: int) -> Example:
        at = self.numbers[index]
        for part in self.parts:
            if at < len(part):
                return part[at]
            at -= len(part)
        raise IndexError(index)


def _opened(source: Source) -> list[Sequence[Example]]:
    """The splits of a source that hold something, each record once."""
    found = []
    for split in SPLITS:
        try:
            found.append(source.open(split))
        except NoSplit:
            continue
    return found


@lru_cache(maxsize=8)
def _dealt(source: Source, folds: int, group: int | None) -> tuple[int, ...]:
    """The fold of every record of the splits one after another. Reads each record once."""
    tracks: list[str] = []
    tags: dict[str, np.ndarray] = {}
    for record in chain.from_iterable(_opened(source)):
        tracks.append(str(record["track"]))
        if "tags" in record:
            tags[tracks[-1]] = np.asarray(record["tags"])
    names = list(dict.fromkeys(tracks))
    if group is None:
        together = groups.by_folder(names, tags, source.info.labels)
    else:
        together = groups.by_depth(names, group)
    jobs = [Job(n, load=dict, group=together.get(n, ""), tags=tags.get(n)) for n in names]
    units = {job.group or job.track for job in jobs}
    if len(units) < folds:
        raise BadInput(f"{source.info.name} has {len(units)} groups of tracks: give fewer folds.")
    # 'train' is what the draw calls the part that takes the rest: the last fold.
    parts = drawing.draw_splits(jobs, {str(fold): 1 / folds for fold in range(folds - 1)})
    place = {job.track: i for i, part in enumerate(parts.values()) for job in part}
    return tuple(place[track] for track in tracks)
