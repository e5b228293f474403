"""Stored results: one JSON per evaluated run, several of which (seeds, folds) make one row."""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo import catalog
from zoo.catalog import Entry, PaperRow
from zoo.errors import BadInput
from zoo.report import facts, scored

REPEATED = re.compile(r"-(seed|fold)\d+$")
ELSEWHERE = ("path", "seed", "fold")  # arguments that are no part of what a row is
APART = (
    "compiled",
    "reproduced",
    "robustness",
)  # folders of rows that no config's evaluation wrote
_NEEDED = ("task", "metrics", "data", "split")


@dataclass(frozen=True)
class Measured:
    """The evaluated runs of one row, which differ in seed or fold alone."""

    id: str
    runs: tuple[dict[str, Any], ...]

    @property
    def first(self) -> dict[str, Any]:
        return self.runs[0]

    @property
    def metrics(self) -> dict[str, float]:
        """Means over the runs, of the metrics that all of them have."""
        names = [n for n in self.first["metrics"] if all(n in run["metrics"] for run in self.runs)]
        return {n: statistics.fmean(run["metrics"][n] for run in self.runs) for n in names}

    def interval(self, name: str) -> tuple[float, float] | None:
        """95 % interval of a metric over the clips or tracks of a single run."""
        found = self.first.get("intervals", {}).get(name) if len(self.runs) == 1 else None
        return tuple(found) if found else None

    def spread(self, name: str) -> float | None:
        """Standard deviation of a metric over the runs; None for a single run."""
        values = [run["metrics"][name] for run in self.runs if name in run["metrics"]]
        return statistics.stdev(values) if len(values) > 1 else None


def read_measured(folder: Path) -> dict[str, Measured]:
    """Every row of FOLDER/TASK/*.json, by its id. Raises BadInput for a file that is no result."""
    found: dict[str, list[dict[str, Any]]] = {}
    runs = (path for path in folder.glob("*/*.json") if path.parent.name not in APART)
    for path in sorted(runs):
        run = scored.check_row(facts.load_json(path), path)
        missing = [key for key in _NEEDED if run.get(key) is None]
        if missing:
            raise BadInput(f"{path} lacks '{missing[0]}': evaluate {path.stem} again")
        found.setdefault(REPEATED.sub("", path.stem), []).append(run)
    return {name: Measured(name, tuple(runs)) for name, runs in found.items()}


def result_name(entry: Entry, arguments: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The file stem of a result: the row, what else differs from it as a digest, and the seed."""
    row = entry.row_of(arguments, defaults)
    settings = {**defaults, **(row.arguments if row else {})}
    changed = {
        name: value
        for name, value in arguments.items()
        if name not in ELSEWHERE and not catalog.equal_as_json(value, settings.get(name))
    }
    stem = row.id if row else entry.name
    if changed:
        text = json.dumps(changed, sort_keys=True)
        stem += f"-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    for name in ("seed", "fold"):
        if arguments.get(name):
            stem += f"-{name}{arguments[name]}"
    return stem


def row_of(measured: Measured, entries: Mapping[str, Entry]) -> PaperRow | None:
    """The catalogue's row that was measured; None for a config of the user's own."""
    entry = entries.get(measured.first.get("config", measured.id))
    if entry is None:
        return None
    name = measured.first.get("row")
    return next((row for row in entry.rows if row.name == name), None)
