"""Callbacks of the training loop for a run on disk: its data, validation and checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from zoo import mesh as meshes
from zoo.audio import audio_files
from zoo.checkpoints.store import Checkpoints
from zoo.evaluation.base import Report
from zoo.experiment import Experiment
from zoo.objectives.base import Batch, Variables
from zoo.runs import inference
from zoo.runs.trained import Trained, restore_target
from zoo.training import interruption, loop, standing, state
from zoo.training.log import Log

LOSS = "loss"  # the objective's own, as the monitor of an experiment


def _batches(experiment: Experiment, first: int) -> Iterator[dict[str, np.ndarray]]:
    return experiment.data.batches(
        experiment.batch, experiment.seed, first, jax.process_index(), jax.process_count()
    )


def training_batches(experiment: Experiment, mesh: Mesh, first: int) -> Iterator[Batch]:
    """Global batches as the objective sees them in training."""
    augment = jax.jit(experiment.data.augment)
    for number, batch in enumerate(_batches(experiment, first), first):
        rng = jax.random.fold_in(jax.random.key(experiment.seed), number)
        yield augment(rng, meshes.global_batch(mesh, batch))


def connect(
    run: Trained,
    checkpoints: Checkpoints,
    interrupted: interruption.Interruption,
    log: Log,
) -> loop.Hooks:
    """The loop's view of data, validation, checkpoints and signals."""
    experiment = run.experiment
    source, evaluation = experiment.data.source, experiment.evaluation
    held_out = source.open("validation")  # now: too few files should not be found out later
    bind = inference.predictor(experiment.objective, run.mesh)

    def evaluate(variables: Variables, step: int) -> dict[str, float]:
        report = evaluation.run(
            bind(variables),
            held_out,
            source.info,
            limit=experiment.evaluate_limit,
        )
        show(replace(run, variables=variables, meta={**run.meta, "step": step}), report, log)
        if experiment.monitored[0] != LOSS:
            return report.metrics
        return {**report.metrics, LOSS: _validation_loss(run, variables)}

    def save(step: int, now: state.TrainState, at: dict, scores: Any, force: bool) -> None:
        checkpoints.save(step, now, {**run.meta, "stage": at}, scores, force)

    def best() -> Variables | None:
        checkpoints.wait()
        if checkpoints.best() is None:
            return None
        return checkpoints.restore(restore_target(experiment, run.mesh), "best")[1].variables

    def recalibrate(now: state.TrainState, step: int) -> state.TrainState:
        count = experiment.standing_batches
        draws = training_batches(experiment, run.mesh, 0) if count else iter(())
        return standing.recalibrated(experiment.objective, now, draws, count)

    return loop.Hooks(
        batches=partial(_batches, experiment),
        names=lambda draw: experiment.data.names(experiment.batch, experiment.seed, draw),
        evaluate=evaluate,
        save=save,
        best=best,
        recalibrate=recalibrate,
        stop=interrupted,
        monitor=experiment.monitored,
    )


def _validation_loss(run: Trained, variables: Variables) -> float:
    """The objective's mean loss over the validation split, each record transformed as in training
    with the same random numbers every time.
    """
    experiment, total, count = run.experiment, 0.0, 0
    bind = inference.predictor(experiment.objective, run.mesh, "held_out_loss")(variables)
    for batch in experiment.data.once("validation", experiment.batch, experiment.seed):
        rows = len(next(iter(batch.values())))
        fill = np.arange(experiment.batch) % rows  # one shape: the last batch is smaller
        losses = bind({key: value[fill] for key, value in batch.items()})[LOSS]
        total, count = total + float(losses[:rows].sum()), count + rows
    return total / max(count, 1)


def show(run: Trained, report: Report, log: Log) -> None:
    """The figures of a validation, and a second of what a generator does by now, in the log."""
    step = run.meta["step"]
    if log.board is not None:
        for name, make in report.figures.items():
            with log.beside(f"the figure '{name}'"):
                log.figure(step, f"validation/{name}", make())
    folder = run.directory
    if jax.process_count() > 1 or folder is None:
        return
    from zoo.report import examples  # matplotlib: not before there is something to show

    rate = run.experiment.data.source.info.sample_rate
    with log.beside("the samples of this step"):
        for file in examples.while_training(run, folder):
            log.audio(step, f"samples/{file.stem}", audio_files.read_audio(file)[0], rate)
