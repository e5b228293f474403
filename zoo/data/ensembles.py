"""Ensembles of changing players out of songs of which every stem plays: what labels are learnt on.

A stem that does not play is silent, and `present` [S] uint8 says which do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.source import Example, Info, RandomAccess, Source


@dataclass(frozen=True)
class Ensembles:
    """A Source: songs of `source`, of which those held out are played by some of their stems only.

    Which ones, `least` at the fewest, is drawn by a hash of the track's name, so that it is the
    same for everyone. Records of the training split keep all stems: `DropStems` draws each time.
    """

    source: Source
    least: int = 2

    @property
    def info(self) -> Info:
        return self.source.info

    def blank(self) -> Example:
        record = self.source.blank()
        return {**record, "present": np.ones(len(self.info.labels), np.uint8)}

    def prepare(self) -> None:
        self.source.prepare()

    def open(self, split: str) -> Sequence[Example]:
        return _Played(self.source.open(split), self.least if split != "train" else None)


@dataclass(frozen=True)
class _Played(RandomAccess):
    """Records with their players; least: as of `Ensembles`, None: all play."""

    records: Sequence[Example]
    least: int | None

    def __len__(self) -> int:
        return len(self.records)

    def record(self, index: int) -> Example:
        record = self.records[index]
        whole = {**record, "present": np.ones(len(record["stems"]), np.uint8)}
        if self.least is None:
            return whole
        digest = hashlib.sha256(str(record["track"]).encode()).digest()
        return with_players(np.random.default_rng(list(digest)), whole, self.least)


def with_players(rng: np.random.Generator, example: Example, least: int) -> Example:
    """The example with stems [S T C] of some players only, and `present` [S] as it is then."""
    plays = players(rng, np.asarray(example["present"], bool), least)
    stems = example["stems"]
    kept = stems * plays.astype(stems.dtype)[:, None, None]
    return {**example, "stems": kept, "present": plays.astype(np.uint8)}


def players(rng: np.random.Generator, present: np.ndarray, least: int) -> np.ndarray:
    """Who of those present [S] plays, [S] bool: from `least` of them to all, each as likely."""
    there = np.flatnonzero(present)
    count = rng.integers(min(least, len(there)), len(there) + 1)
    plays = np.zeros(len(present), bool)
    plays[rng.permutation(there)[:count]] = True
    return plays
