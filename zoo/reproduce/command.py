"""`python -m zoo reproduce`: the list of rows, and one row made, stored and compared."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from zoo import catalog, durable, machine
from zoo.report import stored as runs
from zoo.report.results import require_writable_results
from zoo.reproduce import index, stores
from zoo.reproduce.row import Outcome, Place, Reproduction

_VERSIONS = ("jax", "numpy", "scipy", "scikit-learn", "librosa")
_DIGITS = 6


def listing(results: Path) -> Iterator[str]:
    """A line a row: its name, what it is, the published figures, and what came of it here."""
    width, measured = max(len(row.name) for row in index.ROWS), runs.read_measured(results)
    for row in index.ROWS:
        found = stores.read_stored(row, results, measured)
        state = stores.stored_verdict(row, found) if found else "not made yet"
        published = ", ".join(f"{name} {value:.5g}" for name, value in row.published.items())
        yield f"{row.name:<{width}}  {row.system}, {row.on}: {published or '-'} [{state}]"


def reproduce_row(row: Reproduction, place: Place) -> Iterator[str]:
    """Runs a row, stores it, and says in lines how it compares. Raises BadInput without its data.

    None is stored, and the last line says so, where a signal ended it early.
    """
    if row.data:
        row.data.check(place.data)
        yield f"data: {row.data.url} at {row.data.revision[:12]} (licence: {row.data.licence})"
    kept = place.results / stores.REPRODUCED_FOLDER
    require_writable_results(kept)
    before = _earlier(row, place.results) or _earlier(row, catalog.results_folder())
    outcome = row.way.run(row, place)
    if outcome is None:
        yield "stopped; the same command goes on"
        return
    stored = _describe(row, outcome)
    if not row.way.config():
        path = kept / f"{row.name}.json"
        durable.write_json(path, stored)
        yield f"row in {path}"
    yield from _compared(row, stored)
    if before:
        yield from _changes(before, stored)


def _compared(row: Reproduction, stored: Mapping[str, Any]) -> Iterator[str]:
    """Published and ours, a line a metric."""
    names = list(dict.fromkeys([*row.published, *stored["metrics"]]))
    width = max(map(len, names))
    found = stores.by_metric(row, stored)
    yield f"{row.system}, {row.on}; published: {row.source}"
    for name in names:
        published = f"{row.published[name]:.{_DIGITS}g}" if name in row.published else "-"
        value = f"{stored['metrics'][name]:.{_DIGITS}g}" if name in stored["metrics"] else "-"
        span = stored["intervals"].get(name)
        interval = " [{:.4g}, {:.4g}]".format(*span) if span else ""
        both = f"published {published}  ours {value}{interval}"
        yield f"  {name:<{width}}  {both}  {found.get(name, '')}".rstrip()
    if row.remark:
        yield f"  {row.remark}"


def _earlier(row: Reproduction, results: Path) -> stores.Stored | None:
    """What a folder of results has of a row."""
    return stores.read_stored(row, results, runs.read_measured(results))


def _changes(before: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[str]:
    """How far the numbers are from those of the row that was there."""
    both = [name for name in stored["metrics"] if name in before["metrics"]]
    most = max((abs(stored["metrics"][n] - before["metrics"][n]) for n in both), default=0.0)
    yield f"  largest difference from the row of {before.get('date')}: {most:.3g}"


def _describe(row: Reproduction, outcome: Outcome) -> dict[str, Any]:
    """All that a reader needs to believe, doubt or repeat the numbers."""
    data, cores = row.data, machine.cores()
    return {
        "row": row.name,
        "system": row.system,
        "on": row.on,
        "published": dict(row.published),
        "source": row.source,
        "data": asdict(data) | {"files": list(data.files)} if data else None,
        "metrics": dict(outcome.metrics),
        "intervals": {name: list(span) for name, span in outcome.intervals.items()},
        "spread": dict(outcome.spread),
        "runs": outcome.runs,
        "counts": dict(outcome.counts),
        "protocol": outcome.protocol,
        "cpu_seconds": round(outcome.seconds, 1),
        "machine": f"{platform.system()} {platform.machine()}, {cores} core{'s' * (cores != 1)}",
        "versions": {name: metadata.version(name) for name in _VERSIONS},
        "date": time.strftime("%Y-%m-%d"),
    }
