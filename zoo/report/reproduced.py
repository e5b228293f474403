"""results/REPRODUCED.md: published figures beside ours, both on the real data of the publication.

Two kinds of rows: those that `python -m zoo reproduce` stored in results/reproduced, and those of
configs, where the config's row has published figures and its data are not the embedded ones. The
same files always give the same text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.catalog import Entry, PaperRow
from zoo.report import facts, stored
from zoo.report.stored import Measured
from zoo.reproduce import stores, verdicts
from zoo.reproduce.row import Reproduction

_EMBEDDED = "score_render"  # how the embedded data's names begin
_HEAD = ("Row", "System", "Data", "Published", "Source", "Ours", "Published is", "Command")
_OPENING = (
    "Rendered by `python -m zoo report --table` from the rows in `results/`; do not edit. "
    "`python -m zoo reproduce ROW` makes a row again: it says which data to fetch from where, and "
    "takes no other. Ours: a mean ± standard deviation over runs; or one value, in brackets the "
    "95 % bootstrap interval over clips, tracks or folds. *Published is* within where it lies in "
    "that interval, of several runs in the 95 % prediction interval of one more; where nothing is "
    "drawn, within half of its last printed digit, or what float32 programs differ by; a published "
    "bound, where ours holds it. An interval over clips is wide for two systems on the same clips: "
    "within means that this test set cannot tell them apart. *Unchecked* figures were not compared "
    "with the publication itself."
)


def reproduced_page(
    measured: Mapping[str, Measured], entries: Sequence[Entry], results: Path
) -> str:
    """The whole file; without a table where nothing was run on real data."""
    from zoo.report import tables
    from zoo.reproduce import index

    known = {entry.name: entry for entry in entries}
    body, notes, waiting, shown = [], [], [], set()
    for row in index.ROWS:
        found = stores.read_stored(row, results, measured)
        if found is None:
            waiting.append(row)
            continue
        shown.add(row.way.config())
        body.append(_line(row, found))
        notes.append(_note(row, found))
    for identity in sorted(set(measured) - shown):
        about = stored.row_of(measured[identity], known)
        if about and about.reported and not _embedded(measured[identity]):
            entry = known[about.config]
            body.append(_line_of_config(identity, about, entry, measured[identity]))
            notes.append(_note_of_config(identity, about, measured[identity]))
    lines = [
        "# Reproduced on real data",
        "",
        _OPENING,
        "",
        *_summary(index.ROWS, measured, results),
    ]
    lines += tables.markdown(_HEAD, body) if body else ["Nothing yet."]
    lines += ["", *notes]
    if waiting:
        lines += ["", "Not made here yet:", "", *map(_unmade, waiting)]
    return "\n".join(lines).rstrip() + "\n"


def _summary(
    rows: Sequence[Reproduction], measured: Mapping[str, Measured], results: Path
) -> list[str]:
    """How many rows are within, those in which nothing is drawn apart from those with intervals."""
    counts: dict[str, list[str]] = {}
    for row in rows:
        if (there := stores.read_stored(row, results, measured)) is not None:
            kind = "computed" if row.tolerance is not None or row.at_least else "fitted"
            kind = kind if row.published else "alone"
            counts.setdefault(kind, []).append(stores.stored_verdict(row, there))
    sentences = {
        "computed": "computed again, or outputs of published weights: {within} of {all} within",
        "fitted": "fitted or trained here: {within} of {all} within",
        "alone": "without a published figure: {all}",
    }
    lines = [
        sentences[kind].format(within=found.count("within"), all=len(found))
        for kind, found in counts.items()
    ]
    return (
        [f"Rows made: {sum(map(len, counts.values()))}, {', '.join(lines)}.", ""] if lines else []
    )


def _line(row: Reproduction, found: Mapping[str, Any]) -> tuple[str, ...]:
    published = {name: f"{value:.6g}" for name, value in row.published.items()}
    return (
        f"`{row.name}`[^{row.name}]",
        row.system,
        row.on,
        _pairs(("at least " if row.at_least else "") + v for v in _pairs_of(published)) or "–",
        row.source.rstrip("."),
        _pairs(_ours(row, found)),
        stores.stored_verdict(row, found),
        f"`python -m zoo reproduce {row.name}`",
    )


def _pairs(found: Any) -> str:
    return ", ".join(found)


def _pairs_of(values: Mapping[str, str]) -> list[str]:
    """'sdr vocals 3.25' of every metric."""
    return [f"{name.replace('/', ' ')} {value}" for name, value in values.items()]


def _ours(row: Reproduction, found: Mapping[str, Any]) -> list[str]:
    """'accuracy 0.893 [0.874, 0.912]' of the metrics that are published; else of all."""
    names = [name for name in row.published if name in found["metrics"]] or found["metrics"]
    shown = {}
    for name in names:
        span, spread = found["intervals"].get(name), found["spread"].get(name)
        about = " [{:.4g}, {:.4g}]".format(*span) if span else ""
        about = f" ± {spread:.2g} ({found['runs']} runs)" if spread is not None else about
        shown[name] = f"{found['metrics'][name]:.6g}{about}"
    return _pairs_of(shown)


def _note(row: Reproduction, found: Mapping[str, Any]) -> str:
    """The footnote: what was computed of which data on what machine, and why it differs."""
    data = row.data
    where = f" Data: {data.url} at {data.revision[:12]} ({data.licence})." if data else ""
    made = f" Made on {found['machine']}, {found['date']}" if found.get("machine") else ""
    spent = {"cpu_seconds": "CPU", "training_seconds": "training"}
    took = "".join(f", {found[k]:.0f} s of {what}" for k, what in spent.items() if found.get(k))
    remark = f" {row.remark[:1].upper()}{row.remark[1:]}." if row.remark else ""
    if row.way.config() and found["runs"] == 1:
        remark += " One run so far: the interval is over the test items; seeds differ by less."
    protocol = str(found["protocol"]).rstrip(".")
    return f"[^{row.name}]: {protocol}.{remark}{where}{made}{took}{'.' if made else ''}"


def _unmade(row: Reproduction) -> str:
    figures = ", ".join(_pairs_of({name: f"{v:.6g}" for name, v in row.published.items()}))
    why = f": {row.remark}" if row.remark else ""
    return f"- `{row.name}`, {row.system}, {row.on}; published {figures or '–'} ({row.source}){why}"


def _embedded(found: Measured) -> bool:
    return str(found.first["data"].get("name", "")).startswith(_EMBEDDED)


def _line_of_config(identity: str, row: PaperRow, entry: Entry, found: Measured) -> tuple[str, ...]:
    from zoo.report import tables

    compared = facts.compare_metrics(row, found.metrics, found.first.get("monitor"))
    both = [(name, reported, value) for name, reported, value in compared if reported is not None]
    published = tables.format_metrics(
        (name, reported) for name, reported, _ in both
    ) + facts.unchecked_mark(row)
    found_of = stores.of_runs(found)
    return (
        f"`{identity}`[^{identity}]",
        entry.title.rstrip("."),
        f"{found.first['data'].get('name', '–')}, {found.first['split']}",
        published,
        row.source.rstrip(".") or "–",
        tables.format_ours(both, found),
        verdicts.combine_verdicts(
            verdicts.of_all(row.reported, found_of["metrics"], found_of["intervals"])
        ),
        f"`{_command(identity, found)}`",
    )


def _command(identity: str, found: Measured) -> str:
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
    return " ".join([start, *facts.argument_words(changed), "path=..."])


def _note_of_config(identity: str, row: PaperRow, found: Measured) -> str:
    """The footnote: both protocols."""
    theirs = f"Published: {row.protocol.rstrip('.')}. " if row.protocol else ""
    steps, device = found.first.get("step"), found.first.get("device", "")
    budget = f" Best weights at step {steps} on {device}." if steps is not None else ""
    return f"[^{identity}]: {theirs}Ours: {found.first.get('protocol', '–').rstrip('.')}.{budget}"
