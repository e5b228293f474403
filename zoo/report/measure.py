"""Every system on the embedded data at one budget of time, row by row, until the table is full.

A short trial times a system's steps and validations on this machine; the number of steps that fill
the budget is then an ordinary argument, so that schedules end where training does and the row can
be repeated. What is finished is not done again, and an interrupted training goes on: the state is
what stands on the disk.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo import catalog, writing
from zoo import experiment as experiments
from zoo.cli import command_line, endings
from zoo.errors import BadInput
from zoo.evaluation import scores_file
from zoo.experiment import Config
from zoo.report import facts, results, tables
from zoo.runs.trained import learns
from zoo.training.log import read_metrics

_EMBEDDED = "_score_render"
_ROUNDS = 3  # of logging in a trial: one compiles, the next is timed, the last ends in a validation


def measure_systems(
    names: Sequence[str], minutes: float, directory: Path, folder: Path = Path("runs/results")
) -> int:
    """Fills `folder` and its table; returns the number of systems that failed.

    names: of rows, CONFIG or CONFIG.ROW. Runs stand in `directory`/NAME, trials in
    `directory`/trials. A run that is complete keeps its row, whatever its budget was: another
    budget wants another `directory`. Raises BadInput for a name that is none of the embedded data.
    """
    if not minutes > 0:
        raise BadInput(f"--minutes {minutes:g}: give each system some time, for instance 5")
    if others := [name for name in names if not name.partition(".")[0].endswith(_EMBEDDED)]:
        raise BadInput(f"{others[0]} is not on the embedded data: name ...{_EMBEDDED}, or none")
    chosen = in_order([experiments.find_config(name) for name in names or score_render_rows()])
    with writing.hold_lock(directory):
        return _rows(chosen, minutes, directory, folder)


def _rows(chosen: Sequence[Config], minutes: float, directory: Path, folder: Path) -> int:
    """A row for each config; returns the number of those that failed."""
    root, failed = tables.clone(), []
    shipped = folder.resolve() == catalog.results_folder().resolve()
    for number, config in enumerate(chosen, 1):
        print(f"[{number} of {len(chosen)}] {config.row.id}", flush=True)
        if not row(config, minutes, directory, root, folder):
            failed.append(config.row.id)
        tables.write_tables(root, None if shipped else folder)
    if failed:
        print(f"without a row: {', '.join(failed)}; the same command tries again", file=sys.stderr)
    return len(failed)


def score_render_rows() -> list[str]:
    """Every row that needs no data but the embedded set."""
    entries = [entry for entry in catalog.entries() if entry.name.endswith(_EMBEDDED)]
    return [row.id for entry in entries for row in entry.rows]


def in_order(configs: Iterable[Config]) -> list[Config]:
    """Systems that begin from another one's run after that one."""
    return sorted(configs, key=lambda config: (len(origins(config)), config.row.id))


def origins(config: Config) -> dict[str, str]:
    """The arguments whose default is the run of another config or of a row of it, and that."""
    known = catalog.config_files()
    values = {name: str(value).removeprefix("runs/") for name, value in config.defaults.items()}
    return {name: value for name, value in values.items() if value.partition(".")[0] in known}


def row(
    config: Config,
    minutes: float,
    directory: Path,
    root: Path,
    folder: Path,
    given: Sequence[str] = (),
) -> bool:
    """One system's row, trained unless it stands already; false where it failed.

    given: words of arguments besides the row's own.
    """
    name = config.row.id
    target = folder / config.task / f"{name}.json"
    experiment = config.experiment()
    if not learns(experiment):
        scored = ("--config", name, "--results", folder)
        return target.is_file() or run_script(root, "evaluate.py", *scored)
    words = [*given, *(f"{word}={directory / run}" for word, run in origins(config).items())]
    run = directory / name
    report = run / "evaluation" / "test.json"
    if not report.is_file():
        if experiment.objective.turns:
            steps = _affordable(config, words, minutes, directory / "trials" / name, root)
            if steps is None:
                return False
            words.append(f"steps={steps}")
        if not run_script(root, "train.py", "--config", name, "--workdir", run, *words):
            return False
    results.write_result(target, _of_runs(config, facts.load_json(report)))
    scores = report.with_suffix("") / "scores.npz"
    if scores.is_file():
        scores_file.write_small(target.with_suffix(".npz"), scores_file.read_scores(scores))
    return True


def _of_runs(config: Config, found: dict[str, Any]) -> dict[str, Any]:
    """A result whose origins are the runs that the config names, wherever they lay here."""
    named = {word: f"runs/{run}" for word, run in origins(config).items()}
    if not named:
        return found
    changed = {word: value for word, value in found["changed"].items() if word not in named}
    return {**found, "arguments": {**found["arguments"], **named}, "changed": changed}


def _affordable(
    config: Config, words: Sequence[str], minutes: float, trial: Path, root: Path
) -> int | None:
    """The steps that fill the budget, compilation and validations included; None: trial failed."""
    experiment, log = config.experiment(), trial / "metrics.jsonl"
    period = experiment.log_every
    if not (log.is_file() and any(map(_is_validation, read_metrics(log)))):
        steps = f"steps={_ROUNDS * period}"
        options = ["--workdir", trial, "--no_test", "--no_tensorboard", *words, steps]
        if not run_script(root, "train.py", "--config", config.row.id, *options):
            return None
    return steps_for(60 * minutes, read_metrics(log), experiment.evaluate_every, period)


def steps_for(seconds: float, lines: Sequence[dict[str, Any]], every: int, period: int = 10) -> int:
    """Steps that fit into `seconds` at the pace of a trial's log, validated each `every` steps.

    The last validation is not counted, as it is none of the training; at least one round of
    logging, `period` steps, is trained.
    """
    paced = {line["step"]: line for line in lines if "steps_per_second" in line}
    step = 1 / paced[2 * period]["steps_per_second"]
    compiling = max(period / paced[period]["steps_per_second"] - period * step, 0.0)
    validated = next(line for line in lines if _is_validation(line))
    validation = max(validated["time"] - paced[2 * period]["time"] - period * step, 0.0)
    return max(int((seconds - compiling) / (step + validation / every)), period)


def _is_validation(line: dict[str, Any]) -> bool:
    return any(name.startswith("validation/") for name in line)


def run_script(root: Path, script: str, *words: Any) -> bool:
    """Runs one of the entry scripts as a user would; false where it fails.

    Ctrl-C reaches the script, which saves; this process waits for it and raises KeyboardInterrupt.
    SIGTERM is passed on to it, and when this process is killed the script stops as by SIGTERM.
    """
    former = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        line = [sys.executable, str(root / script), *map(str, words)]
        child = subprocess.Popen(line, env=endings.for_a_child())
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
    finally:
        signal.signal(signal.SIGINT, former)
    if code in (command_line.INTERRUPTED, -signal.SIGINT):  # the latter while it was starting
        raise KeyboardInterrupt("stopped; the same command goes on")
    return code == 0
