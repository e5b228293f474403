"""What a run directory says about itself, from its files alone; nothing in it is executed."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from zoo import catalog, escapes
from zoo.arguments import stored
from zoo.catalog import PaperRow
from zoo.commands import command_name
from zoo.errors import BadInput
from zoo.report.scored import check_row
from zoo.training import log


@dataclass(frozen=True)
class Run:
    """A run as a reader sees it. rows: one evaluated split each, as zoo.report.results writes."""

    directory: Path
    config: str
    config_file: str | None  # of a config that is not the zoo's; only ever shown
    task: str
    title: str
    arguments: dict[str, Any]
    changed: dict[str, Any]  # arguments that differ from the config's defaults
    row: PaperRow | None  # of the paper, whose arguments these are
    parameters: int | None
    data: dict[str, Any]  # name, licence, url, sample_rate, ...
    monitor: str | None
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    scalars: list[dict[str, Any]] = field(default_factory=list)


def read_run(directory: Path) -> Run:
    """Raises BadInput where this is no run directory, or where its files are damaged."""
    directory = Path(directory).expanduser()
    if not (directory / "run.json").is_file():
        raise BadInput(f"{directory} holds no run.json: give the --workdir of a training run")
    note = load_json(directory / "run.json")
    if not isinstance(note.get("config"), str):
        raise BadInput(f"{directory / 'run.json'} names no config: train the run anew")
    order = ("test", "validation", "train")
    files = {split: directory / "evaluation" / f"{split}.json" for split in order}
    rows = {
        split: check_row(load_json(path), path) for split, path in files.items() if path.is_file()
    }
    for split, row in rows.items():
        if not isinstance(row.get("metrics"), dict):
            raise BadInput(f"{files[split]} holds no metrics: evaluate that split again")
    metrics = directory / "metrics.jsonl"
    scalars = log.read_metrics(metrics) if metrics.is_file() else []
    arguments = note.get("arguments") or {}
    if not isinstance(arguments, dict):
        raise BadInput(f"{directory / 'run.json'} holds no arguments: train the run anew")
    about = {**next(iter(rows.values()), {}), **_shipped(note["config"], arguments)}
    own, defaults = note.get("config_file"), about.get("defaults") or note.get("defaults")
    defaults = defaults if isinstance(defaults, dict) else {}
    return Run(
        directory=directory,
        config=note["config"],
        config_file=own if isinstance(own, str) else None,
        task=about.get("task", "own"),
        title=about.get("title", note["config"]),
        arguments=arguments,
        changed={k: v for k, v in arguments.items() if k in defaults and differs(v, defaults[k])},
        row=about["row"]
        if isinstance(about.get("row"), PaperRow)
        else _stated(note["config"], about),
        parameters=about.get("parameters"),
        data=about.get("data") or {},
        monitor=_monitored(about),
        rows=rows,
        scalars=scalars,
    )


def _stated(config: str, scored: Mapping[str, Any]) -> PaperRow | None:
    """The row that a scored split says it is, for a config that is not the zoo's."""
    reported, source = scored.get("reported"), scored.get("source")
    return PaperRow(config, "", reported=reported, source=str(source)) if reported else None


def load_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise BadInput(f"{path} is not readable as JSON ({error}): make it anew") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds no JSON object: make it anew")
    return content


def _shipped(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the zoo's own config of that name adds; nothing for a config file of the user's own."""
    if name not in catalog.config_files():
        return {}
    from zoo import experiment as experiments  # JAX: not for those who only read stored numbers

    config = experiments.shipped(name)
    known: dict[str, Any] = {
        "task": config.task,
        "title": config.title,
        "row": config.row_of(arguments),
        "defaults": config.defaults,
    }
    if set(arguments) <= set(config.defaults):
        given = {k: stored(k, v, config.parameters[k]) for k, v in arguments.items()}
        experiment = config.experiment(**given)
        known["data"] = vars(experiment.data.source.info)
        known["monitor"] = experiment.evaluation.monitor
    return known


def differs(value: Any, default: Any) -> bool:
    """Whether an argument read from JSON is another than the default."""
    return not catalog.equal_as_json(value, default)


def argument_words(arguments: Mapping[str, Any]) -> list[str]:
    """Arguments as they are given on the command line."""
    given = {
        k: ",".join(map(str, v)) if isinstance(v, list | tuple) else v for k, v in arguments.items()
    }
    return [shlex.quote(f"{name}={value}") for name, value in given.items()]


def retrain_command(run: Run) -> str:
    """The command that trains it again, or goes on with it: config, place and changed arguments."""
    named = ["--config", run.config_file or run.config, "--workdir", str(run.directory)]
    return " ".join([command_name("train"), shlex.join(named), *argument_words(run.changed)])


def _monitored(about: Mapping[str, Any]) -> str | None:
    monitor = about.get("monitor")
    return monitor if isinstance(monitor, str) or not monitor else monitor[0]


def compare_metrics(
    row: PaperRow | None, metrics: Mapping[str, float], monitor: str | None = None
) -> list[tuple[str, float | None, float | None]]:
    """(metric, reported, ours): all the row's, then ours that decide; None where one is missing.

    Ours are those the row has, and the monitored one; without either, the first.
    """
    reported = dict(row.reported) if row else {}
    chosen = {k: v for k, v in metrics.items() if k in reported or k == monitor}
    chosen = chosen or dict(list(metrics.items())[:1])
    return [(k, reported.get(k), chosen.get(k)) for k in dict.fromkeys([*reported, *chosen])]


def unchecked_mark(row: PaperRow | None) -> str:
    """Says so where reported numbers were never compared with the publication."""
    return " (unchecked)" if row and row.unchecked else ""


def count_of_steps(steps: int) -> str:
    """1 step (a system that is fitted in one go) or 1,200 steps."""
    return f"{steps:,} step{'s' * (steps != 1)}"


def training_seconds(scalars: Sequence[Mapping[str, Any]]) -> float | None:
    """Time under way, pauses between interruption and resumption not counted."""
    lines = [line for line in scalars if line.get("steps_per_second")]
    if not lines:
        return None
    steps = [0, *(line["step"] for line in lines)]
    spans = [after - before for before, after in pairwise(steps)]
    return sum(span / line["steps_per_second"] for span, line in zip(spans, lines))


def read_rows(path: Path, limit: int) -> tuple[list[str], list[list[str]], int]:
    """(columns, the first `limit` rows, how many there are) of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        head = next(reader, [])
        rows, count = [], 0
        for count, row in enumerate(reader, 1):
            if count <= limit:
                cells = [escapes.from_cell(cell) for cell in row]
                rows.append(cells + [""] * (len(head) - len(row)))
    return [escapes.from_cell(cell) for cell in head], rows, count
