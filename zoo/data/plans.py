"""A data set to be built: which tracks, in which split, and how each is decoded to int16 PCM."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.completeness import Listed
from zoo.data.source import Example, Info
from zoo.errors import BadInput


class LeftOut(BadInput):
    """A track that the protocol leaves out: listed, but not counted as a fault of the data."""


@dataclass(frozen=True)
class Job:
    """One track to be: `load` decodes it whole, int16, or raises BadInput saying why it cannot."""

    track: str
    load: Callable[[], Example]
    group: str = ""  # what it is drawn together with; '': nothing
    tags: np.ndarray | None = None  # [K], 1 where it is known to have the tag; None: unlabelled
    files: tuple[Path, ...] = ()  # of its stems, where a plan looks at their headers


@dataclass(frozen=True)
class Plan:
    """A data set to be built under `name`: its jobs per split and what is known beforehand.

    shortest: samples of the shortest chunk, 0 for whole tracks. tolerate: the share of tracks that
    may be rejected. rejected: (file, reason) found bad before the splits were made. skipped: left
    out on purpose. about: stored with the records; when it changes they are built again. threads:
    decoders, each with a whole track in memory. listed: what should be there, and is missing.
    """

    name: str
    info: Info
    blank: Example
    jobs: Mapping[str, tuple[Job, ...]]
    shortest: int
    tolerate: float
    about: Mapping[str, Any]
    rejected: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    threads: int = 0
    rule: str = ""  # how the splits came about
    notes: tuple[str, ...] = ()  # warnings, printed at every start
    listed: Listed = Listed()


def data_identity(root: Path) -> str:
    """Which place data come from: its absolute path, links followed."""
    return os.path.realpath(root.expanduser())


def files_fingerprint(files: Iterable[Path], root: Path) -> dict[str, Any]:
    """What tells records of these files from others: where they lie and a mark of each."""
    return {"source": data_identity(root), "fingerprint": fingerprint(files, root)}


def comparable(splits: Mapping[str, Sequence[Any]], official: Mapping[str, int]) -> tuple[str, ...]:
    """A warning where splits do not have the published numbers of tracks; () where they do."""
    wrong = [
        f"{split} has {len(splits.get(split, ())):,} tracks, not {count:,}"
        for split, count in official.items()
        if len(splits.get(split, ())) != count
    ]
    return (f"{', '.join(wrong)}: results are not comparable",) if wrong else ()


def named_for(name: str, root: Path) -> str:
    """A name for records made from this very place, so that two copies have one each."""
    return f"{name}-{short_hash({'source': data_identity(root)})}"


def blank_record(shortest: int, channels: int, stems: int = 0, tags: int = 0) -> Example:
    """A record of zeros: audio [T C], or stems [S T C], with tags and known [K] where there are."""
    pcm = np.zeros((stems, shortest, channels) if stems else (shortest, channels), np.int16)
    labels = {"tags": np.zeros(tags, np.uint8), "known": np.zeros(tags, np.uint8)} if tags else {}
    place = {"track": "", "chunk": 0, "chunks": 1, "length": shortest}
    return {**place, "stems" if stems else "audio": pcm, **labels}


def fingerprint(files: Iterable[Path], root: Path) -> str:
    """Changes when a file is added, removed, renamed, resized or rewritten."""
    digest = hashlib.sha256()
    for path in sorted(files):
        stat = path.stat()
        line = f"{path.relative_to(root)}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
        digest.update(line.encode(errors="surrogateescape"))  # names need not be UTF-8
    return digest.hexdigest()[:16]


def short_hash(arguments: Mapping[str, Any]) -> str:
    """Tells apart records made from one place with different settings."""
    text = json.dumps(dict(arguments), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
