"""The pages of results/ (RESULTS.md, SYSTEMS.md and their like) and the README's list of systems.

The same files always give the same text, so that a test can compare what is committed with it. No
config is executed: titles, rows and reported numbers are read as literals (zoo/catalog.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from zoo import catalog, durable, writing
from zoo.catalog import Entry, PaperRow
from zoo.errors import BadInput
from zoo.pages.markup import duration
from zoo.report import claims, compiled, facts, reproduced, robust, stored
from zoo.report.stored import Measured

BEGIN, END = "<!-- zoo table begin -->", "<!-- zoo table end -->"
NOT_RUN = "not run here"
_HEAD = ("Row", "System", "Parameters", "Ours", "Reported", "Agrees with", "Budget", "Data", "Date")
SYSTEMS_HEAD = ("System", "What it is", "Reported", "Ours on the embedded data", "Agrees with")
_OPENING = (
    "Every number here was computed by `python evaluate.py` and rendered by `python -m zoo report "
    "--table`; do not edit. *Reported* is what the paper states, where possible on its own data: "
    "compare only rows of the same data and protocol. *Unchecked* figures have not been held "
    "against the paper itself. *Agrees with* links the tests that hold the system to something "
    "outside this project. Budgets say how long each system was trained here: the steps of its "
    "best checkpoint, the minutes of the whole training, and arguments other than the row's. "
    "Several seeds or folds are given as mean ± standard deviation, a single run with the 95 % "
    "bootstrap interval over its clips or tracks in brackets."
)


def write_tables(root: Path | None = None, results: Path | None = None) -> list[Path]:
    """Writes the tables and returns their files.

    results: a folder of results of one's own, which gets a RESULTS.md; by default the shipped ones,
    which have a page of systems, too, that the README lists. Raises BadInput without README or its
    markers.
    """
    paths = []
    for path, text in table_texts(root, results).items():
        with writing.hold_lock(path, wait=True):
            fresh = path.is_file() and path.read_text(encoding="utf-8") == text
            durable.write_atomically(path, text)
        paths.append(path)
        if path.name == claims.CLAIMS_PAGE and not (
            fresh and (path.parent / claims.PICTURE).is_file()
        ):
            paths.append(claims.draw_claims(path.parent))
    return paths


def stale_tables(root: Path | None = None) -> list[str]:
    """The files that `write_tables` would change; empty where all are fresh."""
    root = root or clone()
    return [
        str(path.relative_to(root))
        for path, text in table_texts(root).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def clone() -> Path:
    """The root of the clone that runs. Raises BadInput in an installed package."""
    root = catalog.configs_folder().parent
    if not (root / "train.py").is_file():
        raise BadInput("the tables stand in a clone of the repository: run this there")
    return root


def table_texts(root: Path | None, results: Path | None = None) -> dict[Path, str]:
    """What each file should hold."""
    entries = catalog.entries()
    if results is not None:
        measured = stored.read_measured(results)
        own = {results / "RESULTS.md": _results_page(measured, entries, every=False)}
        return own | _by_clips(results, measured)
    root = root or clone()
    measured, readme = stored.read_measured(root / "results"), root / "README.md"
    return {
        root / "results" / "RESULTS.md": _results_page(measured, entries),
        root / "results" / "REPRODUCED.md": reproduced.reproduced_page(
            measured, entries, root / "results"
        ),
        root / "results" / "COMPILED.md": compiled.compiled_page(
            compiled.read_compiled_rows(root / "results" / compiled.COMPILED_FOLDER)
        ),
        root / "results" / "SYSTEMS.md": _systems_page(measured, entries),
        readme: _between(readme, _readme_list(entries)),
        **_by_clips(root / "results", measured),
    }


def _by_clips(results: Path, measured: Mapping[str, Measured]) -> dict[Path, str]:
    """CLAIMS.md, where two rows of a claim stand; ROBUSTNESS.md, where a tagger's table does."""
    text, changed = (
        claims.claims_page(results, measured),
        robust.read_robustness_tables(results / robust.ROBUSTNESS_FOLDER),
    )
    pages = {results / claims.CLAIMS_PAGE: text} if text else {}
    return pages | (
        {results / robust.ROBUSTNESS_PAGE: robust.robustness_page(changed)} if changed else {}
    )


def _results_page(
    measured: Mapping[str, Measured], entries: Sequence[Entry], every: bool = True
) -> str:
    """RESULTS.md: one table per task, then the sources and protocols as footnotes.

    every: also the rows of papers that were not run.
    """
    known = {entry.name: entry for entry in entries}
    lines, notes = ["# Results", "", _OPENING], []
    for task in (*catalog.TASKS, "own"):
        ids = {m.id for m in measured.values() if m.first["task"] == task}
        rows = {m.id: stored.row_of(m, known) for m in measured.values() if m.id in ids}
        if every:
            rows |= {row.id: row for e in entries if e.task == task for row in e.rows}
        body = [_result_line(i, rows[i], measured.get(i), known) for i in sorted(rows)]
        if body:
            lines += ["", f"## {task.capitalize()}", "", *markdown(_HEAD, body)]
            notes += [_note(i, rows[i], measured.get(i)) for i in sorted(rows)]
    notes = [text for text in notes if text]
    return "\n".join([*lines, "", *notes]).rstrip() + "\n"


def _result_line(
    identity: str, row: PaperRow | None, measured: Measured | None, known: Mapping[str, Entry]
) -> tuple[str, ...]:
    run = measured.first if measured else {}
    entry = known.get(run.get("config") or (row.config if row else ""))
    metrics = measured.metrics if measured else {}
    compared = facts.compare_metrics(row, metrics, run.get("monitor"))
    count = run.get("parameters") if run else row and row.parameters
    noted = measured or (row and row.source)
    return (
        f"`{identity}`" + (f"[^{identity}]" if noted else ""),
        (entry.title if entry else run.get("title", identity)).rstrip("."),
        f"{count:,}" if count is not None else "–",
        format_ours(compared, measured),
        format_metrics((metric, reported) for metric, reported, _ in compared)
        + facts.unchecked_mark(row),
        _outside(entry, "../"),
        budget(run, row, entry) if run else "–",
        f"{run['data'].get('name', '–')}, {run['split']}" if run else "–",
        run.get("date", "–"),
    )


def format_ours(compared: Iterable[tuple], measured: Measured | None) -> str:
    """'roc_auc 0.9055 ± 0.002 (3 runs)', or of one run 'roc_auc 0.9055 [0.901, 0.91]'."""
    if measured is None:
        return NOT_RUN
    shown = []
    for name, _, value in compared:
        if value is not None:
            shown.append(f"{short_metric_name(name)} {value:.4g}{uncertainty(measured, name)}")
    runs = f" ({len(measured.runs)} runs)" if len(measured.runs) > 1 else ""
    return (", ".join(shown) or "–") + runs


def uncertainty(measured: Measured, name: str) -> str:
    """How sure a metric is: ' ± deviation' over runs, ' [low, high]' of one over its clips."""
    spread, interval = measured.spread(name), measured.interval(name)
    if interval:
        return " [{:.3g}, {:.3g}]".format(*interval)
    return f" ± {spread:.2g}" if spread else ""


def short_metric_name(metric: str) -> str:
    """A metric's name without the aggregation that is the field's convention."""
    return metric.replace("_median_of_track_medians", "").replace("/", " ")


def budget(run: Mapping, row: PaperRow | None, entry: Entry | None) -> str:
    """Steps or whose weights, time, device, and arguments other than the row's."""
    steps, seconds, weights = run.get("step"), run.get("training_seconds"), run.get("weights")
    untrained = f"published weights `{weights}`" if weights else "no training"
    parts = [facts.count_of_steps(steps) if steps is not None else untrained]
    parts += [duration(seconds)] if seconds else []
    parts += [run["device"]] if run.get("device") else []
    changed = run.get("changed") or {}
    return ", ".join([*parts, *(f"`{word}`" for word in facts.argument_words(changed))])


def _note(identity: str, row: PaperRow | None, measured: Measured | None) -> str:
    """The footnote of a row: where the reported figures stand, and what ours are."""
    parts = [f"Reported: {row.source.rstrip('.')}." if row and row.source else ""]
    parts += [f"Reported protocol: {row.protocol.rstrip('.')}." if row and row.protocol else ""]
    if measured:
        parts.append(f"Ours: {measured.first.get('protocol', 'protocol not recorded')}")
    text = " ".join(part for part in parts if part)
    return f"[^{identity}]: {text}" if text else ""


SYSTEMS = (
    "A line for each system, rendered by `python -m zoo report --table`; do not edit. A figure "
    "marked *unchecked* is reported by the paper but was not verified by us. Numbers on the "
    "embedded data show that a system learns, at the budget that stands beside them; they "
    "reproduce no paper. *Agrees with* says what outside this project gives the same numbers, and "
    "links the test that shows it. All rows: [results](RESULTS.md)."
)


def _systems_page(measured: Mapping[str, Measured], entries: Sequence[Entry]) -> str:
    """SYSTEMS.md: wing by wing, the paper's row of each system, and ours on the embedded data."""
    lines = ["# Systems", "", SYSTEMS]
    for task in catalog.TASKS:
        body = [_system_line(group, measured) for group in systems(entries, task)]
        if body:
            lines += ["", f"## {task.capitalize()}", "", *markdown(SYSTEMS_HEAD, body)]
    return "\n".join(lines) + "\n"


def _readme_list(entries: Sequence[Entry]) -> str:
    """A line for each wing: its systems, linked to their files."""
    parts = []
    for task in catalog.TASKS:
        found = [_named(group[0]) for group in systems(entries, task)]
        if found:
            parts += ["", f"**{task.capitalize()}** ({len(found)}): {', '.join(found)}"]
    return "\n".join([*parts, ""]) if parts else "\nNo configs yet.\n"


def systems(entries: Sequence[Entry], task: str) -> list[list[Entry]]:
    """The configs of each system: those whose network stands in one file; papers' rows first."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.task == task:
            groups.setdefault(entry.model or entry.name, []).append(entry)
    for group in groups.values():
        group.sort(key=lambda e: (e.name.endswith("_score_render"), -len(e.rows[0].reported)))
    return [groups[key] for key in sorted(groups)]


def system_name(group: Sequence[Entry]) -> str:
    """What a system is called: as the file of its network, or as its first config."""
    return Path(group[0].model or group[0].name).stem


def _named(entry: Entry, up: str = "") -> str:
    """A system's name, linked to the file of its network or of its config; up: to the root."""
    file = entry.model or entry.path.relative_to(entry.path.parents[2]).as_posix()
    return f"[{Path(file).stem}]({up}{file})"


def _system_line(group: Sequence[Entry], measured: Mapping[str, Measured]) -> tuple[str, ...]:
    first = group[0]
    row = next((row for entry in group for row in entry.rows if row.reported), None)
    run = next((measured[e.name] for e in group[::-1] if e.name in measured), None)
    reported = dict(row.reported) if row else {}
    agrees = {what: path for entry in group for path, what in entry.agrees.items()}
    scored = facts.compare_metrics(None, run.metrics, run.first.get("monitor")) if run else []
    return (
        _named(first, "../"),
        first.title.rstrip("."),
        format_metrics(list(reported.items())[:3]) + facts.unchecked_mark(row),
        _within(run, format_ours(scored, run)) if run else NOT_RUN,
        ", ".join(f"[{what}](../{path})" for what, path in agrees.items()) or "–",
    )


def _within(run: Measured, scores: str) -> str:
    """Scores with the time that their training took."""
    seconds = run.first.get("training_seconds")
    return f"{scores} in {duration(seconds)}" if seconds else scores


def _outside(entry: Entry | None, up: str = "") -> str:
    """What outside the project agrees, each a link to its test; up: from the page to the root."""
    agrees = entry.agrees if entry else {}
    return ", ".join(f"[{what}]({up}{path})" for path, what in agrees.items()) or "–"


def format_metrics(found: Iterable[tuple[str, float | None]]) -> str:
    """'roc_auc 0.9055, pr_auc 0.441'; a dash where there is none."""
    shown = ((short_metric_name(name), value) for name, value in found if value is not None)
    return ", ".join(f"{name} {value:.4g}" for name, value in shown) or "–"


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table; what would break a cell is escaped."""
    rule = ["---"] * len(head)
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in body]
    return ["| " + " | ".join(row) + " |" for row in (head, rule, *cells)]


def _between(path: Path, table: str) -> str:
    """The file's text with the table between its markers."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise BadInput(f"{path} needs the lines '{BEGIN}' and '{END}': the table goes between them")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"
