"""A run that goes on with other arguments than it began with: refused, or what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.checkpoints.metadata import Origin
from zoo.errors import BadInput
from zoo.experiment import FEED, Config, Experiment
from zoo.runs.trained import from_json
from zoo.training import optimizers, stages
from zoo.training.stages import Stage, StageState


def check_changed_arguments(
    config: Config, arguments: dict[str, Any], origin: Origin, allow: bool, step: int
) -> list[str]:
    """Refuses to go on with other arguments than the run began with, unless allowed to.

    How the data are read may change freely: the batches stay what they were.
    step: of the newest checkpoint. Returns a line for each argument that changed.
    """
    if origin.config != config.name:
        raise BadInput(
            f"this run was trained with --config {origin.config}, not {config.name}: "
            "give another --workdir, or that config"
        )
    # An argument that the config got since then was at its default.
    known = {k: v for k, v in origin.arguments.items() if k in config.parameters}
    then = {**config.defaults, **from_json(config, known)}
    changed = {
        k: f"{k}: {v!r} -> {arguments[k]!r}"
        for k, v in then.items()
        if v != arguments[k] and k not in FEED
    }
    gone = [f"{k}: {v!r} -> no more" for k, v in origin.arguments.items() if k not in known]
    at = StageState(**origin.stage)
    if changed:
        _check_stage(config, arguments, at)
    moved = _jump(config, then, {k: arguments[k] for k in changed}, step, at)
    lines = [*changed.values()]
    if moved and len(lines) == 1:
        lines = [f"{lines[0]} ({moved})"]
    elif moved:
        lines.append(f"{', '.join(changed)} together: {moved}")
    lines += gone
    if lines and not allow:
        raise BadInput(
            f"the run's arguments differ ({'; '.join(lines)}): give them as they were, "
            "another --workdir, or --allow_config_change"
        )
    return lines


def _check_stage(config: Config, arguments: dict[str, Any], at: StageState) -> None:
    """Raises BadInput where these arguments have no stage such as the run stands in."""
    parts = config.experiment(**arguments).stages
    if at.stage >= max(1, len(parts)):
        raise BadInput(
            f"the run stands in stage {at.stage + 1} of its training, and with these arguments "
            f"there are {len(parts)}: give another --workdir"
        )


def _jump(
    config: Config, then: dict[str, Any], now: dict[str, Any], step: int, at: StageState
) -> str:
    """What these changes do to the learning rates at once, all together; '' where nothing."""
    try:
        before, after = (
            paces(config.experiment(**{**then, **more}), step, at) for more in ({}, now)
        )
    except Exception:  # some changes make no experiment, and an optimiser may be anything
        return ""
    found = []
    for player in sorted(before.keys() & after.keys()):
        old, new = before[player], after[player]
        if abs(new - old) > 0.01 * old:
            times = f"becomes {new / old:.3g} times as large" if old else "rises from zero"
            found.append(f"'{player}' {times} (a step of {old:.3g} before, {new:.3g} now)")
    return f"at step {step} the learning rate of {', '.join(found)}" if found else ""


def paces(experiment: Experiment, step: int, at: StageState) -> dict[str, float]:
    """The length of every player's step in the stage in which the run stands."""
    parts = experiment.stages[: at.stage + 1]
    scale = parts[-1].learning_rate_scale if parts else 1.0
    chosen = stages.optimizers_at(parts, at.stage, experiment.optimizers)
    return {
        player: scale * optimizers.pace(optimizer, step - _begun(parts, player, at))
        for player, optimizer in chosen.items()
    }


def _begun(parts: Sequence[Stage], player: str, at: StageState) -> int:
    """The step at which a player's optimiser began, and its schedule with it."""
    new = [
        number
        for number, part in enumerate(parts)
        if number and (player in part.optimizers or not part.keep_optimizer)
    ]
    if not new:
        return 0
    return at.begun - sum(part.steps or 0 for part in parts[new[-1] : -1])
