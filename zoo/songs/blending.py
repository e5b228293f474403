"""Two trained separators as one: their stems mixed, or their weights.

Uhlich et al. (ICASSP 2017) mix the outputs of two networks half and half; means of weights are for
runs of one network (stochastic weight averaging, Izmailov et al. 2018).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import jax

from zoo.errors import BadInput
from zoo.evaluation.capabilities import separates
from zoo.runs import inference
from zoo.runs.trained import Trained
from zoo.songs.separating import Partner, Separator

_Part = Literal["outputs", "weights"]


def requested_blend(
    first: Trained, other: str | None, weight: float | None, part: _Part
) -> Trained:
    """What --blend, --weight and --blend_of mean: the run as it is where there is no other."""
    from zoo.front import finding

    if other is None:
        if weight is not None:
            raise BadInput("--weight is of --blend: name the other run with it")
        return first
    return blend_runs(
        first, finding.load_system(other).trained, 0.5 if weight is None else weight, part
    )


def blend_runs(first: Trained, second: Trained, weight: float, part: _Part) -> Trained:
    """1 - weight of the first run and `weight` of the second, applied as the first is.

    Raises BadInput where they do not give the same stems at one rate, or, for weights, where these
    have other shapes.
    """
    if not 0 <= weight <= 1:
        raise BadInput(f"--weight {weight:g}: give a share from 0 to 1")
    _require_same(first, second)
    meta = {**first.meta, "blended_with": second.name, "weight": weight, "part": part}
    if part == "weights":
        mixed = _of_weights(first, second, weight)
        return replace(first, variables=mixed, meta=meta)
    predict = inference.predictor(second.experiment.objective, second.mesh)(second.variables)
    partner = Partner(predict, _applied(second), weight)
    experiment = first.experiment
    scored = {
        name: replace(protocol, how=replace(protocol.how, partners=(partner,)))
        for name in ("evaluation", "test")
        if (protocol := getattr(experiment, name)) is not None
    }
    return replace(first, experiment=replace(experiment, **scored), meta=meta)


def suffix(trained: Trained) -> str:
    """What the folder of a blend's scores is called beside its run's own; '' for a single run."""
    if "blended_with" not in trained.meta:
        return ""
    other, weight, part = (trained.meta[k] for k in ("blended_with", "weight", "part"))
    return f"_{part}_{1 - weight:g}_and_{weight:g}_{other}"


def _applied(trained: Trained) -> Separator:
    """How a run separates. Raises BadInput where it does not."""
    evaluation = trained.experiment.evaluation
    if not separates(evaluation):
        raise BadInput(f"{trained.name} does not separate: blend two separators")
    if evaluation.how.labels:
        raise BadInput(f"{trained.name} asks what plays: blend separators without labels")
    return evaluation.how


def _require_same(first: Trained, second: Trained) -> None:
    """Raises BadInput, in one line, where the stems or the rates of two runs are not the same."""
    one, other = _applied(first), _applied(second)
    if sorted(one.sources) != sorted(other.sources) or one.rate != other.rate:
        raise BadInput(
            f"{second.name} gives {', '.join(other.sources)} at {other.rate:,} Hz and {first.name} "
            f"{', '.join(one.sources)} at {one.rate:,} Hz: blend runs of the same stems and rate"
        )


def _of_weights(first: Trained, second: Trained, weight: float) -> Any:
    """The mean of both runs' arrays, statistics of norms too."""
    one, other = first.variables, second.variables
    if _applied(first).sources != _applied(second).sources or _shapes(one) != _shapes(other):
        raise BadInput(
            f"{second.name} has other weights than {first.name}: take two runs of one network, or "
            "--blend_of outputs"
        )
    return jax.tree.map(lambda a, b: (1 - weight) * a + weight * b, one, other)


def _shapes(tree: Any) -> Any:
    """Paths and shapes of all arrays."""
    return [
        (jax.tree_util.keystr(k), v.shape) for k, v in jax.tree_util.tree_leaves_with_path(tree)
    ]
