"""results/ROBUSTNESS.md: how taggers' scores move under changed recordings, from stored rows.

From results/robustness/*.json, which `python -m zoo robustness WEIGHTS --results results` writes.
The same files always give the same text.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.errors import BadInput
from zoo.report import facts

ROBUSTNESS_FOLDER, ROBUSTNESS_PAGE = "robustness", "ROBUSTNESS.md"
_SHOWN = ("pr_auc", "roc_auc", "true_tags")
_OPENING = (
    "Rendered by `python -m zoo report --table` from `results/robustness/`, which `python -m zoo "
    "robustness WEIGHTS [--on CONFIG] --results results` writes; do not edit. The four kinds of "
    "Won et al. (2020): tempo, pitch, dynamic range compression, white noise. The first line of a "
    "tagger is the recordings as they are, the others are what is added to that, with the 95 % "
    "bootstrap interval over the same clips in brackets. *true_tags* is the mean score of the tags "
    "that a clip has; it moves where ranks do not. The two presets of compression differ below -31 "
    "dB alone: on loud recordings they are one."
)


def read_robustness_tables(folder: Path) -> list[dict[str, Any]]:
    """Every stored table, by name. Raises BadInput for a file that is none."""
    found = []
    for path in sorted(folder.glob("*.json")):
        row = facts.load_json(path)
        if not (isinstance(row.get("rows"), list) and row["rows"] and "model" in row):
            raise BadInput(f"{path} is no table of robustness: make {path.stem} again")
        found.append(row)
    return found


def robustness_page(tables: list[dict[str, Any]]) -> str:
    """The whole file: a table for each tagger on some data."""
    from zoo.report.tables import markdown

    lines = ["# Robustness of taggers", "", _OPENING]
    for one in tables:
        shown = [name for name in _SHOWN if name in one["rows"][0]]
        body = [(row["effect"], *(_cell(row, name) for name in shown)) for row in one["rows"]]
        data = one.get("data", one.get("folder", "–"))
        lines += ["", f"## `{one['model']}` on {data}", "", *markdown(("", *shown), body)]
        clips = one.get("counts", {}).get("records", "–")
        lines += ["", f"{clips} clips, {one.get('date', '–')}. {one.get('protocol', '')}".rstrip()]
    return "\n".join(lines) + "\n"


def _cell(row: Mapping[str, Any], name: str) -> str:
    """'0.484' of recordings as they are, '-0.021 [-0.040, -0.003]' of changed ones."""
    if f"{name}_change" not in row:
        return f"{row[name]:.3f}" if name in row else "–"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[f'{name}_change']:+.3f} [{low:+.3f}, {high:+.3f}]"
