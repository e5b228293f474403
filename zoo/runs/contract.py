"""Checks that the parts of an experiment fit together, before the first step."""

from __future__ import annotations

import inspect
from typing import Any

from zoo.data.source import Source
from zoo.errors import BadInput
from zoo.evaluation.base import Evaluation
from zoo.experiment import Experiment
from zoo.objectives.base import Objective


def check_experiment(name: str, made: Any) -> None:
    """Raises BadInput where what a config gave is no experiment that can be run to its end."""
    if not isinstance(made, Experiment):
        raise BadInput(
            f"{name}: config(...) gives {type(made).__name__}, not an Experiment: let it return one"
        )
    parts = (
        (made.data.source, Source),
        (made.objective, Objective),
        (made.evaluation, Evaluation),
        *(((made.test, Evaluation),) if made.test is not None else ()),
        *(((made.test_source, Source),) if made.test_source is not None else ()),
    )
    for part, protocol in parts:
        lacking = [member for member in _members(protocol) if not hasattr(part, member)]
        if lacking:
            raise BadInput(
                f"{name}: {type(part).__name__} lacks {', '.join(lacking)}: see "
                f"{protocol.__name__} in {protocol.__module__}"
            )
    taken = inspect.signature(made.evaluation.run).parameters.values()
    if inspect.Parameter.VAR_KEYWORD not in {parameter.kind for parameter in taken}:
        lacking = [key for key in _keywords(Evaluation.run) if key not in {p.name for p in taken}]
        if lacking:
            raise BadInput(
                f"{name}: {type(made.evaluation).__name__}.run takes no {' and no '.join(lacking)}:"
                " write run(self, predict, records, info, *, limit=None, progress=None)"
            )
    if made.monitored[0] == "loss" and not hasattr(made.objective, "held_out_loss"):
        raise BadInput(
            f"{name}: {type(made.objective).__name__} has no held_out_loss(variables, batch, rng), "
            "by which monitor=('loss', 'min') would choose: name a score of the evaluation"
        )
    players = {turn.player for turn in made.objective.turns}
    if players != set(made.optimizers):
        raise BadInput(
            f"{name}: the objective trains {_words(players)}, the optimizers are for "
            f"{_words(made.optimizers)}: name one for each player"
        )


def _members(protocol: type) -> list[str]:
    """The names that a protocol asks for."""
    return [name for name in vars(protocol) if not name.startswith("_")]


def _keywords(function: Any) -> list[str]:
    """Its keyword-only parameters."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]


def _words(names: Any) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names)) or "nothing"
