"""One row over several seeds or folds: each trained and scored, then mean and deviation."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from zoo.errors import BadInput
from zoo.experiment import Config
from zoo.report import facts, results
from zoo.runs import train as training_runs
from zoo.runs import trained

What = Literal["seed", "fold"]


def repeat_runs(
    config: Config,
    arguments: Mapping[str, Any],
    what: What,
    count: int,
    directory: Path,
    folder: Path,
    name: str | None = None,
) -> list[dict[str, float]] | None:
    """The test metrics of members 0 to count - 1; None where a signal ended it early.

    Runs stand in `directory`/seed0, ...; what is there goes on or, once it is scored, is left as it
    is. Rows go to `folder`, one for each, which tables show as one. name: of the config as typed.
    Raises BadInput where a config takes no such argument.
    """
    if count < 2:
        raise BadInput(f"--{what}s {count}: give 2 or more")
    if what == "fold" and not {"fold", "folds"} <= set(config.parameters):
        raise BadInput(f"{config.name} has no folds: --seeds repeats it on its own splits")
    scores = []
    for number in range(count):
        given = {**arguments, what: number} | ({"folds": count} if what == "fold" else {})
        run = directory / f"{what}{number}"
        print(f"[{what} {number}, {number + 1} of {count}]", flush=True)
        found = _member(config, given, run, folder, name)
        if found is None:
            return None
        scores.append(found)
    return scores


def _member(
    config: Config, arguments: dict[str, Any], run: Path, folder: Path, name: str | None
) -> dict[str, float] | None:
    """One run's test metrics, from its row where that is of the very weights it has."""
    if not training_runs.train(config, arguments, run, allow_change=False, board=False):
        return None
    found = trained.load_trained(run, config=name)
    split = results.held_out(found.experiment.data.source)
    scored, row = run / "evaluation" / f"{split}.json", results.target_of(found, folder)
    if scored.is_file() and row.is_file():
        there = facts.load_json(scored)
        if there.get("weights_sha256") == found.fingerprint() and there == facts.load_json(row):
            return there["metrics"]
    return results.evaluate(found, split, folder=folder).metrics


def deviation_lines(scores: Sequence[Mapping[str, float]]) -> list[str]:
    """'nats_per_step  8.2143 ± 0.0120 (8.2031 8.2143 8.2270)' for every metric that all have."""
    names = [name for name in scores[0] if all(name in found for found in scores)]
    width = max(map(len, names), default=0)
    shown = []
    for name in names:
        values = [found[name] for found in scores]
        mean, deviation = statistics.fmean(values), statistics.stdev(values)
        each = " ".join(f"{value:.4f}" for value in values)
        shown.append(f"  {name:<{width}}  {mean:8.4f} ± {deviation:.4f}  ({each})")
    return shown
