"""results/RESULTS.md and the README's list of the zoo, rendered from results/*/*.json and configs/.

The same files always give the same text, so that a test can hold what is committed against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo import experiment as experiments
from zoo.errors import BadInput
from zoo.experiment import Config
from zoo.pages.markup import duration
from zoo.report import facts, listing

BEGIN, END = "<!-- zoo table begin -->", "<!-- zoo table end -->"
NOT_RUN = "not run here"
HEAD = (
    "Config", "Paper", "Parameters", "Ours", "Reported", "Agrees with", "Budget", "Data", "Date",
)  # fmt: skip
README_HEAD = ("Config", "System", "Parameters", "Reported", "Ours", "Agrees with")
OPENING = (
    "Every number here was computed by `python evaluate.py` and rendered by `python -m zoo report "
    "--table`; do not edit. *Reported* is what the paper states, where possible on its own data: "
    "compare only rows of the same data and protocol. *Unchecked* figures have not been held "
    "against the paper itself. *Agrees with* links the tests that hold the system to something "
    "outside this project. Budgets say how long each system was trained here: the steps of its "
    "best checkpoint, the minutes of the whole training, and in `steps=` how many it was given."
)
Row = dict[str, Any]


def render(root: Path | None = None) -> list[Path]:
    """Writes both tables and returns their files. Raises BadInput without README or its markers."""
    paths = []
    for path, text in texts(root or clone()).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)
        paths.append(path)
    return paths


def stale(root: Path | None = None) -> list[str]:
    """The files that `render` would change; empty where all are fresh."""
    root = root or clone()
    return [
        str(path.relative_to(root))
        for path, text in texts(root).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def clone() -> Path:
    """The root of the clone that runs. Raises BadInput in an installed package."""
    root = experiments.folder().parent
    if not (root / "train.py").is_file():
        raise BadInput("the tables stand in a clone of the repository: run this there")
    return root


def texts(root: Path) -> dict[Path, str]:
    """What both files should hold."""
    measured, configs = rows(root / "results"), listing.entries()
    readme = root / "README.md"
    return {
        root / "results" / "RESULTS.md": results_page(measured, configs),
        readme: between(readme, readme_table(measured, configs)),
    }


def rows(folder: Path) -> dict[str, Row]:
    """Every results/TASK/CONFIG.json by config."""
    found = {path.stem: facts.load(path) for path in sorted(folder.glob("*/*.json"))}
    for name, row in found.items():
        missing = [key for key in ("task", "metrics", "data", "split") if key not in row]
        if missing:
            raise BadInput(f"results of {name} lack '{missing[0]}': evaluate {name} again")
    return found


def results_page(measured: Mapping[str, Row], configs: Sequence[Config]) -> str:
    """RESULTS.md: one table per task, then the sources and protocols as footnotes."""
    known = {config.name: config for config in configs}
    lines, notes = ["# Results", "", OPENING], []
    for task in (*experiments.TASKS, "own"):
        own = {name: row for name, row in sorted(measured.items()) if row["task"] == task}
        if not own:
            continue
        body = [result_line(name, row, known.get(name)) for name, row in own.items()]
        lines += ["", f"## {task.capitalize()}", "", *markdown(HEAD, body)]
        notes += [note(name, row) for name, row in own.items()]
    if not notes:
        lines += ["", "No results yet."]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def result_line(name: str, row: Row, config: Config | None) -> tuple[str, ...]:
    paper = row.get("paper") or {}
    compared = facts.compare(paper, row["metrics"], row.get("monitor") or monitor(config))
    count = row.get("parameters")
    return (
        f"`{name}`[^{name}]",
        row.get("title", name).rstrip("."),
        f"{count:,}" if count is not None else "–",
        values((metric, ours) for metric, _, ours in compared),
        values((metric, reported) for metric, reported, _ in compared) + facts.mark(paper),
        outside(config, "../"),
        budget(row, config),
        f"{row['data'].get('name', '–')}, {row['split']}",
        row.get("date", "–"),
    )


def budget(row: Row, config: Config | None) -> str:
    """Steps or whose weights, time, device, and arguments that are not the config's defaults."""
    steps, seconds, weights = row.get("step"), row.get("training_seconds"), row.get("weights")
    untrained = f"published weights `{weights}`" if weights else "no training"
    parts = [facts.count_of_steps(steps) if steps is not None else untrained]
    parts += [duration(seconds)] if seconds else []
    parts += [row["device"]] if row.get("device") else []
    defaults = config.defaults if config else {}
    given = row.get("arguments") or {}
    changed = {
        name: value
        for name, value in given.items()
        if name in defaults and name != "path" and facts.differs(value, defaults[name])
    }
    return ", ".join([*parts, *(f"`{word}`" for word in facts.words(changed))])


def note(name: str, row: Row) -> str:
    """The footnote of a row: where the reported figures stand, and what ours are."""
    source = (row.get("paper") or {}).get("source")
    reported = f"Reported: {source.rstrip('.')}. " if source else ""
    return f"[^{name}]: {reported}Ours: {row.get('protocol', 'protocol not recorded')}"


def readme_table(measured: Mapping[str, Row], configs: Sequence[Config]) -> str:
    """Every config, measured or not, wing by wing."""
    parts = []
    for task in experiments.TASKS:
        own = [config for config in configs if config.task == task]
        body = [readme_line(config, measured.get(config.name)) for config in own]
        if body:
            parts += ["", f"**{task.capitalize()}**", "", *markdown(README_HEAD, body)]
    return "\n".join([*parts, ""]) if parts else "\nNo configs yet.\n"


def readme_line(config: Config, row: Row | None) -> tuple[str, ...]:
    metrics = (row or {}).get("metrics", {})
    compared = facts.compare(config.paper, metrics, (row or {}).get("monitor") or monitor(config))
    ours = values((metric, value) for metric, _, value in compared)
    if row and row["split"] != "test":
        ours += f" on {row['split']}"
    count = getattr(config.module, "PARAMETERS", None)
    return (
        f"[`{config.name}`](configs/{config.task}/{config.name}.py)",
        config.title.rstrip("."),
        f"{count:,}" if count is not None else "–",
        values((metric, reported) for metric, reported, _ in compared) + facts.mark(config.paper),
        ours if row else NOT_RUN,
        outside(config),
    )


def outside(config: Config | None, up: str = "") -> str:
    """What outside the project agrees, each a link to its test; up: from the page to the root."""
    agrees = config.agrees if config else {}
    return ", ".join(f"[{what}]({up}{path})" for path, what in agrees.items()) or "–"


def monitor(config: Config | None) -> str | None:
    return config.experiment().evaluation.monitor[0] if config else None


def values(found: Any) -> str:
    """'roc_auc 0.9055, pr_auc 0.441'; a dash where there is none."""
    shown = ((listing.short(name), value) for name, value in found if value is not None)
    return ", ".join(f"{name} {value:.4g}" for name, value in shown) or "–"


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table; what would break a cell is escaped."""
    rule = ["---"] * len(head)
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in body]
    return ["| " + " | ".join(row) + " |" for row in (head, rule, *cells)]


def between(path: Path, table: str) -> str:
    """The file's text with the table between its markers."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise BadInput(f"{path} needs the lines '{BEGIN}' and '{END}': the table goes between them")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"
