"""Rows as they are stored: of their own in results/reproduced, or as the runs of a config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.commands import command_name
from zoo.errors import BadInput
from zoo.report import facts
from zoo.report.scored import check_row
from zoo.report.stored import Measured
from zoo.reproduce import verdicts
from zoo.reproduce.row import Reproduction

REPRODUCED_FOLDER = "reproduced"  # of results
Stored = dict[str, Any]  # metrics, intervals, spread, runs, protocol, and what else is known


def read_stored(
    row: Reproduction, results: Path, measured: Mapping[str, Measured]
) -> Stored | None:
    """What is stored of a row in a folder of results, whose runs of configs are `measured`."""
    if name := row.way.config():
        return of_runs(measured[name]) if name in measured else None
    path = results / REPRODUCED_FOLDER / f"{row.name}.json"
    if not path.is_file():
        return None
    found = check_row(facts.load_json(path), path)
    if not isinstance(found.get("metrics"), dict):
        raise BadInput(
            f"{path} holds no metrics: {command_name('reproduce')} {row.name} makes it anew"
        )
    return found


def of_runs(found: Measured) -> Stored:
    """The runs of a config: means, deviations, and intervals of one more run or over items."""
    names, many = list(found.metrics), len(found.runs) > 1
    each = {name: [run["metrics"][name] for run in found.runs] for name in names}
    spans = {name: verdicts.of_one_more(v) for name, v in each.items()} if many else {}
    if not many:
        spans = {name: span for name in names if (span := found.interval(name))}
    seconds = [run.get("training_seconds") or 0 for run in found.runs]
    first = found.first
    return {
        "metrics": found.metrics,
        "intervals": spans,
        "spread": {name: found.spread(name) for name in names} if many else {},
        "runs": len(found.runs),
        "protocol": first.get("protocol", "Protocol not recorded"),
        "machine": first.get("device", ""),
        "date": max(run.get("date", "") for run in found.runs),
        "training_seconds": sum(seconds),
    }


def by_metric(row: Reproduction, found: Mapping[str, Any]) -> dict[str, verdicts.Verdict]:
    """The verdict on each published figure of a row."""
    spans = found["intervals"]
    return verdicts.of_all(row.published, found["metrics"], spans, row.tolerance, row.at_least)


def stored_verdict(row: Reproduction, found: Mapping[str, Any]) -> str:
    return verdicts.combine_verdicts(by_metric(row, found))
