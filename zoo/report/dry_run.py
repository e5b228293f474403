"""What `train.py --dry_run` says, by shapes alone: the system, its memory, data and stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax

from zoo import mesh as meshes
from zoo.commands import command_name
from zoo.errors import BadInput
from zoo.experiment import Config, Experiment
from zoo.runs import contract, estimate
from zoo.runs.trained import builder, learns
from zoo.training.stages import Stage


def describe_dry_run(config: Config, arguments: dict[str, Any]) -> str:
    """Lines on parameters, memory, data and stages. BadInput, as training it would raise."""
    experiment = config.experiment(**arguments)
    contract.check_experiment(config.name, experiment)
    if not learns(experiment):
        raise BadInput(
            f"{config.name} learns nothing: score it with {command_name('evaluate')} --config "
            f"{config.name}"
        )
    mesh = meshes.make_mesh(experiment.fsdp)
    meshes.check_batch_size(mesh, experiment.batch, experiment.accumulate)
    spec = experiment.data.spec(experiment.batch)
    with estimate.limit_layers(config, arguments):
        needs = estimate.of_training(builder(experiment), spec)
    each = needs.each(mesh.size, mesh.shape["fsdp"], experiment.accumulate)
    there = estimate.memory(mesh)
    lines = [
        f"{config.row.id}: {config.title}",
        "arguments: " + " ".join(f"{k}={v}" for k, v in arguments.items()),
        f"parameters: {needs.parameters:,}",
        f"memory: {each / 1e9:.2f} GB of {there / 1e9:.1f} GB on each of {mesh.size} "
        f"{jax.devices()[0].platform} at the least (state {needs.state / 1e9:.2f}, batch "
        f"{needs.batch / 1e9:.2f}, largest result {needs.largest / 1e9:.2f})",
        *_data(experiment),
        *_absent(arguments),
        *_stages(experiment),
        *_too_much(each, there),
        "nothing was trained",
    ]
    return "\n".join(lines)


def _too_much(need: float, there: int) -> list[str]:
    """A line where this machine would refuse the training."""
    return ["more than this machine has: training is refused here"] if need > there else []


def _data(experiment: Experiment) -> list[str]:
    """The data set, and one batch of it by name and shape."""
    info = experiment.data.source.info
    batch = experiment.data.spec(experiment.batch)
    shapes = ", ".join(f"{k} {list(v.shape)} {v.dtype}" for k, v in batch.items())
    return [f"data: {info.name}, {info.sample_rate:,} Hz, {info.licence}", f"batch: {shapes}"]


def _absent(arguments: dict[str, Any]) -> list[str]:
    """A line where the folder of the data is not there, which training would ask for."""
    path = arguments.get("path")
    if not isinstance(path, str) or not path or Path(path).expanduser().exists():
        return []
    return [f"path: {path} is not there yet; training says which files it wants"]


def _stages(experiment: Experiment) -> list[str]:
    """How long, and by which stages and turns."""
    if not experiment.objective.turns:
        return ["training: fitted once"]
    players = ", ".join(dict.fromkeys(turn.player for turn in experiment.objective.turns))
    lines = [f"training: {experiment.steps:,} steps of {experiment.batch}, players {players}"]
    return lines + [
        f"stage {n}: {_described(stage)}" for n, stage in enumerate(experiment.stages, 1)
    ]


def _described(stage: Stage) -> str:
    """What a stage changes, and when it ends."""
    changed = [name for name in ("optimizers", "objective") if getattr(stage, name)]
    if stage.learning_rate_scale != 1:
        changed.insert(0, f"learning rate x {stage.learning_rate_scale:g}")
    ends = [f"{stage.steps:,} steps"] if stage.steps else []
    ends += [f"{stage.patience} evaluations without a better score"] if stage.patience else []
    return f"{', '.join(changed) or 'as begun'}; until {' or '.join(ends) or 'the end'}"
