"""Two runs side by side: metrics of the splits that both have, and arguments that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo import catalog
from zoo.errors import BadInput
from zoo.pages.markup import number
from zoo.report import facts
from zoo.report.facts import Run


def compare(first: Path, second: Path) -> str:
    """A table a split, then the arguments that differ. BadInput where they share no split."""
    runs = [facts.read(first), facts.read(second)]
    shared = [split for split in runs[0].rows if split in runs[1].rows]
    if not shared:
        scored = " and ".join(f"{run.directory} {', '.join(run.rows) or 'none'}" for run in runs)
        raise BadInput(f"the runs share no scored split ({scored}): evaluate both on one")
    parts = [scores(split, runs) for split in shared]
    if runs[0].config != runs[1].config:
        parts.append(columns(["config", *(run.config for run in runs)]))
    return "\n\n".join([*parts, differences(*(run.arguments for run in runs))])


def scores(split: str, runs: Sequence[Run]) -> str:
    """Metrics of a split that either has, with the second's minus the first's."""
    metrics = [run.rows[split]["metrics"] for run in runs]
    names = dict.fromkeys(name for part in metrics for name in part)
    lines = [[split, *(str(run.directory) for run in runs), "difference"]]
    steps = [run.rows[split].get("step") for run in runs]
    lines.append(["step", *(number(step) for step in steps), ""])
    for name in names:
        one, other = (part.get(name) for part in metrics)
        both = one is not None and other is not None
        gap = f"{other - one:+.4g}" if both else ""
        lines.append([name, number(one), number(other), gap])
    return columns(*lines)


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Arguments of which the values differ, or which one of them lacks."""
    lines = [
        [name, *(str(part.get(name, "-")) for part in (one, other))]
        for name in dict.fromkeys([*one, *other])
        if not catalog.same(one.get(name), other.get(name)) or (name in one) != (name in other)
    ]
    return columns(["argument", "first", "second"], *lines) if lines else "the same arguments"


def columns(*lines: Sequence[str]) -> str:
    """Lines of cells, each column as wide as its widest."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
