"""Rows whose system is trained here: a config over seeds or folds, as `zoo repeat` has them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from zoo.errors import BadInput
from zoo.reproduce.row import Outcome, Place, Reproduction
from zoo.reproduce.verdicts import of_one_more


@dataclass(frozen=True)
class TrainedRows:
    """A Way. name: of the config's row. what, count: seeds 0 to count - 1, or as many folds.

    below: where in the clone the config's `path` is. given: arguments other than the row's.
    """

    name: str
    what: Literal["seed", "fold"] = "seed"
    count: int = 3
    below: str = "."
    given: Mapping[str, Any] = field(default_factory=dict)

    def run(self, row: Reproduction, place: Place) -> Outcome | None:
        from zoo import experiment
        from zoo.cli import command_line
        from zoo.report import repeat

        command_line.prepare_devices()
        config = experiment.find_config(self.name)
        folder = place.data / (row.data.folder if row.data else "") / self.below
        words = [f"path={folder}", *(f"{name}={value}" for name, value in self.given.items())]
        scores = repeat.repeat_runs(
            config, config.parse(words), self.what, self.count, place.work, place.results, self.name
        )
        return None if scores is None else _outcome(scores)

    def config(self) -> str:
        return self.name


@dataclass(frozen=True)
class TrainedWithin:
    """A Way. name: of the config's row, trained once for `minutes` of one core, as `zoo measure`.

    A short trial says how many steps that is, so that schedules end where training does. below:
    where in the clone the config's `path` is.
    """

    name: str
    minutes: float
    below: str = "."

    def run(self, row: Reproduction, place: Place) -> Outcome:
        from zoo import experiment
        from zoo.report import facts, measure, tables

        config = experiment.find_config(self.name)
        folder = place.data / (row.data.folder if row.data else "") / self.below
        given, root = (f"path={folder.absolute()}",), tables.clone()
        work, results = place.work.absolute(), place.results.absolute()
        if not measure.row(config, self.minutes, work, root, results, given):
            raise BadInput(f"{self.name} was not trained: see above; the same command goes on")
        found = facts.load_json(results / config.task / f"{self.name}.json")
        return Outcome(found["metrics"], found.get("protocol", ""))

    def config(self) -> str:
        return self.name


def _outcome(scores: Sequence[Mapping[str, float]]) -> Outcome:
    """Means over runs of the metrics that all of them have."""
    names = [name for name in scores[0] if all(name in found for found in scores)]
    each = {name: [found[name] for found in scores] for name in names}
    return Outcome(
        {name: statistics.fmean(values) for name, values in each.items()},
        "",
        intervals={name: of_one_more(values) for name, values in each.items()},
        spread={name: statistics.stdev(values) for name, values in each.items()},
        runs=len(scores),
    )
