"""results/REPRODUCED.md: published figures beside ours, both on the real data of the publication.

A stored row stands here when its config's row has published figures and its data are not the
embedded ones. The same files always give the same text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoo.catalog import Entry, Row
from zoo.report import facts, stored
from zoo.report.stored import Measured

EMBEDDED = "score_render"  # how the embedded data's names begin
HEAD = ("System", "Data", "Published", "Ours", "Source of the published", "Command")
OPENING = (
    "Rendered by `python -m zoo report --table` from the rows in `results/`; do not edit. Ours: a "
    "mean ± standard deviation over runs, or one run with the 95 % bootstrap interval over its "
    "clips or tracks in brackets; a published figure within it is one that this test set cannot "
    "tell from ours. *Unchecked* figures were not compared with the publication itself."
)


def page(measured: Mapping[str, Measured], entries: Sequence[Entry]) -> str:
    """The whole file; without a table where nothing was run on real data."""
    from zoo.report import tables

    known = {entry.name: entry for entry in entries}
    body, notes = [], []
    for identity in sorted(measured):
        found = measured[identity]
        row = stored.row_of(found, known)
        if row is None or not row.reported or embedded(found):
            continue
        body.append(line(identity, row, known[row.config], found))
        notes += [note(identity, row, found)]
    lines = ["# Reproduced on real data", "", OPENING, ""]
    lines += tables.markdown(HEAD, body) if body else ["Nothing yet."]
    return "\n".join([*lines, "", *notes]).rstrip() + "\n"


def embedded(found: Measured) -> bool:
    return str(found.first["data"].get("name", "")).startswith(EMBEDDED)


def line(identity: str, row: Row, entry: Entry, found: Measured) -> tuple[str, ...]:
    from zoo.report import tables

    compared = facts.compare(row, found.metrics, found.first.get("monitor"))
    both = [(name, reported, value) for name, reported, value in compared if reported is not None]
    published = tables.values((name, reported) for name, reported, _ in both) + facts.mark(row)
    return (
        f"`{identity}`[^{identity}]: {entry.title.rstrip('.')}",
        f"{found.first['data'].get('name', '–')}, {found.first['split']}",
        published,
        tables.ours(both, found),
        row.source.rstrip(".") or "–",
        f"`{command(identity, found)}`",
    )


def command(identity: str, found: Measured) -> str:
    """What makes the row again, but for where the data lie."""
    changed = {k: v for k, v in (found.first.get("changed") or {}).items() if k != "fold"}
    config = found.first.get("config", identity)
    name = found.first.get("row")
    config = identity if identity == f"{config}.{name}" else config
    if weights := found.first.get("weights"):
        start = f"python evaluate.py --checkpoint {weights} --config {config}"
    elif len(found.runs) > 1:
        folds = len({run["arguments"].get("fold") for run in found.runs}) > 1
        start = f"python -m zoo repeat {config} --{'folds' if folds else 'seeds'} {len(found.runs)}"
    else:
        start = f"python train.py --config {config}"
    return " ".join([start, *facts.words(changed), "path=..."])


def note(identity: str, row: Row, found: Measured) -> str:
    """The footnote: both protocols."""
    theirs = f"Published: {row.protocol.rstrip('.')}. " if row.protocol else ""
    steps, device = found.first.get("step"), found.first.get("device", "")
    budget = f" Best weights at step {steps} on {device}." if steps is not None else ""
    return f"[^{identity}]: {theirs}Ours: {found.first.get('protocol', '–').rstrip('.')}.{budget}"
