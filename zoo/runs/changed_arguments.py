"""A run that goes on with other arguments than it began with: refused, or what follows from it."""

from __future__ import annotations

from typing import Any

from zoo.checkpoints.metadata import Origin
from zoo.errors import BadInput
from zoo.experiment import FEED, Config
from zoo.runs.trained import from_json
from zoo.training import optimizers


def check(
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
    moved = jump(config, then, {k: arguments[k] for k in changed}, step)
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


def jump(config: Config, then: dict[str, Any], now: dict[str, Any], step: int) -> str:
    """What these changes do to the learning rates at once, all together; '' where nothing."""
    try:
        before, after = (config.experiment(**{**then, **more}) for more in ({}, now))
        paces = {
            player: [optimizers.pace(e.optimizers[player], step) for e in (before, after)]
            for player in before.optimizers.keys() & after.optimizers.keys()
        }
    except Exception:  # some changes make no experiment, and an optimiser may be anything
        return ""
    found = []
    for player, (old, new) in sorted(paces.items()):
        if abs(new - old) > 0.01 * old:
            times = f"becomes {new / old:.3g} times as large" if old else "rises from zero"
            found.append(f"'{player}' {times} (a step of {old:.3g} before, {new:.3g} now)")
    return f"at step {step} the learning rate of {', '.join(found)}" if found else ""
