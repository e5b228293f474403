"""Training of a run directory: starts it, resumes it, and writes its best weights.

A run directory holds checkpoints/, metrics.jsonl, tensorboard/, run.json (the resolved arguments),
config.py (a copy, to read) and what evaluation and reports write. Loading never executes it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from tqdm import tqdm

from zoo import catalog, durable, escapes
from zoo import mesh as meshes
from zoo.checkpoints.processes import in_turn
from zoo.checkpoints.store import Checkpoints
from zoo.commands import command_name
from zoo.errors import BadInput
from zoo.experiment import Config, Experiment
from zoo.objectives.base import FittedAtOnce, Variables
from zoo.runs import (
    changed_arguments,
    changed_records,
    contract,
    estimate,
    hooks,
    inference,
    initial,
    lost_host,
    pairs,
    run_lock,
)
from zoo.runs.trained import Trained, builder, learns, origin_of, restore_target
from zoo.training import interruption, loop, once, state
from zoo.training.log import Log
from zoo.training.stages import StageState


def train(
    config: Config, arguments: dict[str, Any], directory: Path, *, allow_change: bool, board: bool
) -> bool:
    """Trains from scratch or from where the run stands; false when a signal ended it early."""
    experiment = config.experiment(**arguments)
    contract.check_experiment(config.name, experiment)
    if not learns(experiment):
        raise BadInput(
            f"{config.name} learns nothing: score it with {command_name('evaluate')} --config "
            f"{config.name}"
        )
    mesh = meshes.make_mesh(experiment.fsdp)
    meshes.check_batch_size(mesh, experiment.batch, experiment.accumulate)
    estimate.check_training(config, arguments, experiment, builder(experiment), mesh)
    directory.mkdir(parents=True, exist_ok=True)
    # The others of a multi-host run share the directory: one of them holds it for all.
    lock = run_lock.hold_run(directory) if jax.process_index() == 0 else nullcontext()
    monitor = experiment.monitored
    with lock:
        checkpoints = Checkpoints(
            directory / "checkpoints", every=experiment.save_every, monitor=monitor
        )
        with checkpoints, lost_host.exit_on_lost_host():
            if checkpoints.steps():
                origin = origin_of(checkpoints.read_meta()[1], directory)
                last = checkpoints.steps()[-1]
                for line in changed_arguments.check_changed_arguments(
                    config, arguments, origin, allow_change, last
                ):
                    _say(f"changed since the last start: {line}")
            # On a shared disk the other hosts find the first one's records, else they make theirs.
            in_turn(experiment.data.source.prepare)
            records = changed_records.record_hashes(experiment.data.source)
            if checkpoints.steps() and (
                other := changed_records.changed_records_line(origin.records, records)
            ):
                _say(f"changed since the last start: {other}")
            if jax.process_index() == 0:
                _note(directory, config, arguments)
            say_small(experiment)
            # Not before: until here there is nothing to save, and a signal may simply end it.
            with interruption.handle_signals() as interrupted:
                begun, at = _start(experiment, mesh, checkpoints, interrupted)
                first = int(begun.step)
                _say(_headline(config, begun, directory, mesh, first, experiment.steps))
                active = jax.process_index() == 0
                log = Log(directory, first, experiment.steps, active=active, board=board)
                with closing(log):
                    meta = run_metadata(config, arguments, experiment)
                    run = Trained(
                        config,
                        arguments,
                        experiment,
                        Variables({}),
                        meta,
                        mesh,
                        directory.name,
                        directory,
                    )
                    hooked = hooks.connect(run, checkpoints, interrupted, log)
                    complete = _fit(run, begun, at, hooked, log)
                checkpoints.wait()
        if complete:
            pairs.keep_best(run, directory)
    return complete


def _fit(
    run: Trained, begun: state.TrainState, at: StageState, hooked: loop.Hooks, log: Log
) -> bool:
    """Trains by turns, or fits at once; false when a signal ended it early."""
    experiment = run.experiment
    if not experiment.objective.turns:
        return _fit_once(run, begun, hooked, log)[1]
    return loop.run_training_loop(
        run.mesh,
        experiment.objective,
        experiment.optimizers,
        schedule(experiment),
        begun,
        at,
        hooked,
        log,
    )[1]


def _fit_once(
    run: Trained, begun: state.TrainState, hooked: loop.Hooks, log: Log
) -> tuple[state.TrainState, bool]:
    """An objective without turns: its features of both splits, then the fit."""
    experiment = run.experiment
    describe = inference.predictor(experiment.objective, run.mesh, "describe")(begun.variables)
    train, held = (
        experiment.data.once(split, experiment.batch, experiment.seed)
        for split in ("train", "validation")
    )
    objective = experiment.objective
    if not isinstance(objective, FittedAtOnce):
        raise BadInput(
            f"{type(objective).__name__} has neither turns nor fit: it cannot be trained"
        )
    return once.fit_once(objective, describe, begun, (train, held), hooked, log)


def _start(
    experiment: Experiment,
    mesh: Mesh,
    checkpoints: Checkpoints,
    interrupted: interruption.Interruption,
) -> tuple[state.TrainState, StageState]:
    """The newest good checkpoint, or a fresh state from the first real batch."""
    if checkpoints.steps():
        _, begun, meta = checkpoints.restore(restore_target(experiment, mesh))
        return begun, StageState(**origin_of(meta, checkpoints.directory).stage)
    # First: what does not fit should be said before minutes of compilation.
    origins = {p: initial.origin(name, mesh) for p, name in experiment.initial.items()}
    batch = next(hooks.training_batches(experiment, mesh, 0))
    begun, _ = state.init_sharded(mesh, builder(experiment), batch)
    begun = _initialized(experiment, begun, interrupted)
    for part, origin in origins.items():
        begun = initial.begin_from(begun, part, origin, _say)
    return begun, StageState()


def _initialized(
    experiment: Experiment, begun: state.TrainState, interrupted: interruption.Interruption
) -> state.TrainState:
    """The state after the objective's pass over the training split, if it asks for one.

    A run that is ended meanwhile begins anew: nothing is saved before step 0.
    """
    initialize = getattr(experiment.objective, "initialize", None)
    if initialize is None:
        return begun
    examples = experiment.data.once("train", experiment.batch, experiment.seed)
    with tqdm(desc="before step 0", unit="batch", file=sys.stderr, leave=False) as bar:

        def watched() -> Iterator[dict[str, np.ndarray]]:
            for number, batch in enumerate(examples):
                if interrupted(number):
                    raise KeyboardInterrupt("stopped before step 0; the same command begins anew")
                yield batch
                bar.update()

        learnt = initialize(begun.variables, watched())
    # Copies: the state is donated, and parts that began alike may be one array.
    place = lambda new, old: jax.device_put(np.array(new), old.sharding)  # noqa: E731
    variables = jax.tree.map(place, learnt, begun.variables)
    ema = jax.tree.map(jnp.copy, variables.params) if begun.ema else begun.ema
    return begun.replace(variables=variables, ema=ema)


def schedule(experiment: Experiment) -> loop.Schedule:
    return loop.Schedule(
        steps=experiment.steps,
        seed=experiment.seed,
        ema_decay=experiment.ema_decay,
        accumulate=experiment.accumulate,
        log_every=experiment.log_every,
        evaluate_every=experiment.evaluate_every,
        stages=experiment.stages,
        early_stopping=experiment.early_stopping,
        standing_batches=experiment.standing_batches,
        remat=experiment.remat,
        augment=experiment.data.augment if experiment.data.on_device else None,
    )


def run_metadata(
    config: Config, arguments: dict[str, Any], experiment: Experiment
) -> dict[str, Any]:
    """What makes a checkpoint readable years later, and rebuilds its experiment."""
    shipped = catalog.config_files().get(config.name) == config.path
    return {
        "config": config.name,
        "config_file": None if shipped else str(config.path),
        "task": config.task,
        "arguments": arguments,
        "data": asdict(experiment.data.source.info),
        "records": changed_records.record_hashes(experiment.data.source),
        "monitor": list(experiment.monitored),
    }


def _note(directory: Path, config: Config, arguments: dict[str, Any]) -> None:
    """run.json and config.py: for people to read, and for `python -m zoo report`."""
    facts: dict[str, Any] = {"config": config.name, "arguments": arguments}
    if config.task == "own":  # where it lies, and from what its arguments may differ
        facts |= {"config_file": str(config.path), "defaults": config.defaults}
    durable.write_json(directory / "run.json", facts)
    if not (directory / "config.py").exists():
        durable.write_atomically(directory / "config.py", config.path.read_bytes())


def _headline(
    config: Config, begun: state.TrainState, directory: Path, mesh: Mesh, first: int, steps: int
) -> str:
    """Which config, how many parameters, on which device, where to."""
    parameters = inference.count_parameters(begun.variables.params)
    device = mesh.devices.flat[0]
    where = f"{mesh.size} x {device.device_kind}" if mesh.size > 1 else device.device_kind
    hosts = f" on {jax.process_count()} hosts" if jax.process_count() > 1 else ""
    begins = f"resumes at step {first} of {steps}" if first else f"{steps} steps"
    if not begun.optimizers:
        begins = "fitted already" if first else "fitted in one go"
    return f"{config.name}: {parameters:,} parameters, {where}{hosts}, {begins}, to {directory}"


def say_small(experiment: Experiment) -> None:
    """A line where a batch is more than all there is: it holds examples several times."""
    count = experiment.data.count()
    if experiment.batch > count:
        _say(
            f"batch={experiment.batch} is more than the {count} examples of the training split: "
            "every batch holds some of them several times"
        )


def _say(text: str) -> None:
    if jax.process_index() == 0:
        print(escapes.terminal_line(text), flush=True)
