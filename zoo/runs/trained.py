"""Loads a trained run, published weights, or a system without parameters, for inference."""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import jax
import numpy as np
from jax.sharding import Mesh

from zoo import escapes, numerals
from zoo import experiment as experiments
from zoo import mesh as meshes
from zoo.arguments import stored
from zoo.checkpoints import metadata
from zoo.checkpoints.metadata import Origin, Unfit
from zoo.commands import command_name
from zoo.errors import BadInput
from zoo.experiment import Config, Experiment
from zoo.objectives.base import Variables
from zoo.runs import estimate, networks
from zoo.training import stages, state

if TYPE_CHECKING:
    from zoo.checkpoints.store import Checkpoints
    from zoo.pretrained.index import Published


@dataclass(frozen=True)
class Trained:
    """What evaluation and sampling need of a run or of published weights."""

    config: Config
    arguments: dict[str, Any]
    experiment: Experiment
    variables: Variables
    meta: dict[str, Any]
    mesh: Mesh
    name: str  # of the run directory, or of the published weights
    directory: Path | None = None  # where the run stands; None for published weights

    def fingerprint(self) -> str:
        """SHA-256 over all arrays that an output depends on, in the order of their paths."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:  # once per load: gigabytes take seconds, and files are many
        digest = hashlib.sha256()
        used = networks.for_inference(self.experiment.objective, self.variables)
        for leaf in jax.tree.leaves(used):
            digest.update(np.ascontiguousarray(leaf).tobytes())
        return digest.hexdigest()


def published(
    name: str,
    *,
    config: str | None = None,
    words: Sequence[str] = (),
    mesh: Mesh | None = None,
    arrays: dict[str, np.ndarray] | None = None,
) -> Trained:
    """Published weights by name; obtained at their first use. BadInput for an unknown name.

    arrays: the publication's, where they were obtained already.
    """
    from zoo.pretrained import index

    return of_record(
        index.find_published(name), config=config, words=words, mesh=mesh, arrays=arrays
    )


def of_record(
    record: Published,
    *,
    config: str | None = None,
    words: Sequence[str] = (),
    mesh: Mesh | None = None,
    arrays: dict[str, np.ndarray] | None = None,
) -> Trained:
    """What a publication describes, or a file of the user's own as one."""
    from zoo.pretrained import weights

    found = experiments.find_config(config or record.config)
    arguments = found.parse(words, {**found.defaults, **record.arguments})
    experiment = found.experiment(**arguments)
    variables = weights.variables(record, experiment, arrays=arrays)
    meta = {"published": record.source, "licence": record.licence}
    return Trained(
        found, arguments, experiment, variables, meta, mesh or meshes.make_mesh(1), record.name
    )


def untrained(config: Config, words: Sequence[str]) -> Trained:
    """A system fitted in closed form: its experiment has no turns, so no run stands behind it."""
    from zoo.runs import contract

    arguments = config.parse(words)
    experiment = config.experiment(**arguments)
    contract.check_experiment(config.name, experiment)
    if learns(experiment):
        raise BadInput(
            f"{config.name} has to be trained first: {command_name('train')} --config "
            f"{config.name}, then give --checkpoint runs/{config.name}"
        )
    estimate.check_use(config, arguments, experiment)
    return Trained(
        config, arguments, experiment, Variables({}), {}, meshes.make_mesh(1), config.name
    )


def learns(experiment: Experiment) -> bool:
    """Whether there is something to train in turns, or to fit at once, before it is used."""
    return bool(experiment.objective.turns) or hasattr(experiment.objective, "fit")


def load_trained(
    checkpoint: str | Path,
    *,
    config: str | None = None,
    step: int | str = "best",
    words: Sequence[str] = (),
    mesh: Mesh | None = None,
) -> Trained:
    """A run directory or published weights, loaded. BadInput without an intact checkpoint."""
    from zoo.checkpoints.store import Checkpoints  # Orbax, which published weights do without

    directory = Path(checkpoint).expanduser()
    if not directory.is_dir():
        return published(str(checkpoint), config=config, words=words, mesh=mesh)
    if not (directory / "checkpoints").is_dir():
        raise BadInput(f"{checkpoint} has no checkpoints/: give the --workdir of a training run")
    with Checkpoints(directory / "checkpoints", read_only=True) as checkpoints:
        chosen = _which(checkpoints, step, directory)
        origin = origin_of(checkpoints.read_meta(chosen)[1], directory)
        if origin.config_file and config is None:
            raise BadInput(
                f"this run used a config file of its own ({origin.config_file}): name it with "
                f"--config, for instance --config {directory / 'config.py'} if you trust that copy"
            )
        found = experiments.find_config(config) if config else experiments.shipped(origin.config)
        arguments = requested_arguments(found, origin.arguments, words)
        experiment = found.experiment(**arguments)
        # Split as in training, as far as it goes here: it may not fit on a device whole.
        mesh = mesh or meshes.make_mesh(math.gcd(experiment.fsdp, jax.device_count()))
        wanted = estimate.limit_layers(found, arguments)(restore_target(experiment, mesh))
        at, learnt, meta = checkpoints.restore(wanted, chosen)
    about = {"step": at, "stage": origin_of(meta, directory).stage}
    return Trained(
        found, arguments, experiment, learnt.ema_variables(), about, mesh, directory.name, directory
    )


def origin_of(meta: dict[str, Any], directory: Path) -> Origin:
    """What a checkpoint's meta says about its run. raises BadInput where that is not whole."""
    try:
        return Origin.of(meta)
    except Unfit as error:
        raise BadInput(
            f"{directory}: meta.json is not as the zoo writes it ({error}): restore a copy"
        ) from error


def requested_arguments(
    config: Config, before: dict[str, Any], words: Sequence[str]
) -> dict[str, Any]:
    """A run's arguments, as its files have them, after `words`; each that changes is said."""
    then = {**config.defaults, **from_json(config, before)}
    now = config.parse(words, then)
    for change in _changes(then, now):
        print(escapes.terminal_line(f"other than in the run: {change}"), file=sys.stderr)
    return now


def _changes(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """'name: old -> new' of the arguments that differ."""
    return [
        f"{k}: {then.get(k)!r} -> {now.get(k)!r}"
        for k in sorted({*then, *now})
        if then.get(k) != now.get(k)
    ]


def _which(
    checkpoints: Checkpoints, step: int | str, directory: Path
) -> int | Literal["best"] | None:
    """The step that 'best', 'latest' or a number means."""
    steps = checkpoints.steps()
    if not steps:
        raise BadInput(f"{directory} holds no finished checkpoint yet: train it first")
    if step == "best":  # not its number: where it is damaged, the next best that is whole serves
        return "best"
    if step == "latest":
        return None
    try:
        number = numerals.integer(str(step))
    except ValueError as error:
        raise BadInput(f"--step: {error}, or as best or latest") from None
    if number not in steps:
        raise BadInput(f"--step {step}: {directory} has {', '.join(map(str, steps))}")
    return number


def from_json(config: Config, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments as they were before JSON made lists of tuples; unknown ones are refused."""
    unknown = sorted(set(arguments) - set(config.defaults))
    if unknown:
        raise BadInput(
            f"the checkpoint was trained with arguments that {config.name} no longer has: "
            f"{', '.join(unknown)}"
        )
    return {k: stored(k, v, config.parameters[k]) for k, v in arguments.items()}


def builder(experiment: Experiment, stage: int = 0) -> Any:
    """Makes the state of a stage of training from a batch."""
    parts = experiment.stages
    objective, optimizers = stages.current(
        parts, stage, experiment.objective, experiment.optimizers
    )
    return partial(
        state.initial_state,
        objective,
        optimizers,
        experiment.ema_decay,
        experiment.seed,
        standing=bool(experiment.standing_batches),
        learning_rate_scale=parts[stage].learning_rate_scale if parts else 1.0,
    )


def restore_target(
    experiment: Experiment, mesh: Mesh
) -> Callable[[dict[str, Any]], state.TrainState]:
    """What a checkpoint is restored into, by its metadata: stages differ in their optimisers."""
    spec, parts = experiment.data.spec(experiment.batch), experiment.stages

    def of(meta: dict[str, Any]) -> state.TrainState:
        number = _stage_of(meta, len(parts))
        return state.abstract(mesh, builder(experiment, number), spec)

    return of


def _stage_of(meta: dict[str, Any], count: int) -> int:
    """The number of the stage that a checkpoint is of; BadInput where there is none such."""
    try:
        number = metadata.stage(meta.get("stage", {})).get("stage", 0)
    except Unfit as error:
        raise BadInput(f"the checkpoint's meta.json: 'stage' {error}: restore a copy") from error
    if number > max(count - 1, 0):
        raise BadInput(f"the checkpoint is of stage {number}, this config has {count}")
    return number


def commit() -> str | None:
    """The commit of the code that runs, where it is a clone."""
    head = Path(__file__).parents[2] / ".git" / "HEAD"
    if not head.is_file():
        return None
    text = head.read_text().strip()
    if text.startswith("ref: "):
        reference = head.parent / text.removeprefix("ref: ")
        return reference.read_text().strip() if reference.is_file() else None
    return text or os.environ.get("GIT_COMMIT")
