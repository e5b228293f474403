"""Stages of a training: what changes in each, when it ends, and from which weights it begins.

A stage is data of an experiment. Falling learning rates on a plateau, another optimiser from epoch
80 on, other loss weights in a second phase and early stopping are all sequences of stages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import optax

from zoo.objectives.base import Objective

RECENT = 32  # scores that are remembered, of which `worst_of` may ask for all but the last


@dataclass(frozen=True)
class Stage:
    """Part of a training. Without `steps`, `patience` and `worst_of` it lasts until that ends.

    optimizers: of the players whose optimiser changes here. objective: the one that is trained from
    here on, with the same variables (other loss weights, other model arguments).
    learning_rate_scale: factor on every update, relative to the optimisers' own schedules.
    steps: it ends after so many. patience: it ends after so many evaluations without a better
    score; cooldown: of these, the first ones that do not count.
    start: it begins with the last weights of the stage before, or the best so far.
    worst_of: it ends after an evaluation worse than each of so many before it, those of earlier
    stages too; the first `cooldown` ones of the stage do not end it.
    cumulative: a better score does not begin the count of patience anew (musicnn).
    own_best: it is compared with its own scores alone (SampleCNN), else with all of the run.
    keep_optimizer: the optimiser's state lasts into this stage, where its optimiser does.
    """

    optimizers: Mapping[str, optax.GradientTransformation] = field(default_factory=dict)
    objective: Objective | None = None
    learning_rate_scale: float = 1.0
    steps: int | None = None
    patience: int | None = None
    cooldown: int = 0
    worst_of: int | None = None
    start: Literal["last", "best"] = "last"
    cumulative: bool = False
    own_best: bool = False
    keep_optimizer: bool = True


@dataclass(frozen=True)
class StageState:
    """The current stage of a run and its counters; saved with every checkpoint.

    begun: the step at which the stage began. best: score to be bettered. since: evaluations without
    a better score. waited: evaluations since the stage began. without: evaluations without a better
    score in the whole run, which early stopping counts. recent: the last scores, the newest last,
    as losses (of a score to be maximised, its negative).
    """

    stage: int = 0
    begun: int = 0
    best: float | None = None
    since: int = 0
    waited: int = 0
    without: int = 0
    recent: tuple[float, ...] = ()


def falling(
    patience: int,
    factors: Sequence[float],
    *,
    start: Literal["last", "best"] = "best",
    cumulative: bool = False,
    own_best: bool = False,
    keep_optimizer: bool = False,
) -> tuple[Stage, ...]:
    """Learning rates relative to the first, the next after `patience` evaluations without a better
    score; the training ends with the last.
    """
    return tuple(
        Stage(
            learning_rate_scale=factor,
            patience=patience,
            start=start,
            cumulative=cumulative,
            own_best=own_best,
            keep_optimizer=keep_optimizer,
        )
        for factor in factors
    )


def reduce_on_plateau(
    patience: int, factor: float, floor: float, *, cooldown: int = 0
) -> tuple[Stage, ...]:
    """torch's ReduceLROnPlateau: the scale falls by `factor` after more than `patience` evaluations
    without a better score, down to `floor`, at which it stays.
    """
    scales = [1.0]
    while scales[-1] > floor:
        scales.append(max(scales[-1] * factor, floor))
    counted = [
        Stage(learning_rate_scale=s, patience=patience + 1, cooldown=cooldown if i else 0)
        for i, s in enumerate(scales[:-1])
    ]
    return (*counted, Stage(learning_rate_scale=scales[-1]))


def fall_when_worst(worst_of: int, factor: float, falls: int, *, begin: int) -> tuple[Stage, ...]:
    """The scale falls by `factor` after an evaluation worse than each of `worst_of` before it, from
    evaluation `begin` + 1 on; the training ends with fall number `falls` + 1.
    """
    return tuple(
        Stage(learning_rate_scale=factor**i, worst_of=worst_of, cooldown=0 if i else begin)
        for i in range(falls + 1)
    )


def by_steps(*parts: tuple[int, Stage]) -> tuple[Stage, ...]:
    """Stages of given lengths: (steps, stage) each; the last may say 0 to last until the end."""
    return tuple(replace(stage, steps=steps or None) for steps, stage in parts)


def current(
    stages: Sequence[Stage],
    number: int,
    objective: Objective,
    optimizers: Mapping[str, optax.GradientTransformation],
) -> tuple[Objective, dict[str, optax.GradientTransformation]]:
    """(objective, optimisers) of stage `number`: what it and those before it changed."""
    for stage in stages[: number + 1]:
        objective = stage.objective or objective
    return objective, optimizers_at(stages, number, optimizers)


def optimizers_at(
    stages: Sequence[Stage], number: int, optimizers: Mapping[str, optax.GradientTransformation]
) -> dict[str, optax.GradientTransformation]:
    """The optimisers of stage `number`: the last that it or a stage before it brought."""
    chosen = dict(optimizers)
    for stage in stages[: number + 1]:
        chosen |= stage.optimizers
    return chosen


def record_score(stage: Stage, at: StageState, score: float, mode: str) -> StageState:
    """The state after an evaluation."""
    better = at.best is None or (score > at.best if mode == "max" else score < at.best)
    best = score if better else at.best
    loss = -score if mode == "max" else score
    at = replace(at, recent=(*at.recent, loss)[-RECENT:])
    waited = at.waited + 1
    counts = waited > stage.cooldown
    if better:
        since = at.since if stage.cumulative else 0
        return replace(at, best=best, since=since, waited=waited, without=0)
    return replace(at, since=at.since + counts, waited=waited, without=at.without + 1)


def stage_ended(stage: Stage, at: StageState, step: int) -> bool:
    """Whether the stage ends here, by its steps or by its patience."""
    if stage.steps is not None and step - at.begun >= stage.steps:
        return True
    if stage.worst_of is not None and at.waited > stage.cooldown:
        *before, last = at.recent[-stage.worst_of - 1 :]
        if before and last > max(before):
            return True
    return stage.patience is not None and at.since >= stage.patience


def next_stage(stages: Sequence[Stage], at: StageState, step: int) -> StageState | None:
    """The state at the beginning of the next stage; None where that was the last."""
    number = at.stage + 1
    if number >= len(stages):
        return None
    best = None if stages[number].own_best else at.best
    return StageState(stage=number, begun=step, best=best, without=at.without, recent=at.recent)
