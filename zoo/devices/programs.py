"""The programs of an experiment, lowered for a mesh by shapes alone: no parameter is allocated."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from zoo import mesh as meshes
from zoo.data.note_rolls import none
from zoo.devices import recording
from zoo.experiment import Experiment
from zoo.objectives.base import Generative, Request, Variables
from zoo.runs import train as training_runs
from zoo.runs.trained import builder
from zoo.training import loop, state


@dataclass(frozen=True)
class Program:
    """A jitted function and abstract arguments.

    kind: 'turn', 'predict' or 'sample'. often: times in one round, or for a request. rounds: of
    loops whose length is an argument. seconds: of audio that a request for this program makes.
    """

    name: str
    kind: str
    trace: Callable[[], Any]
    mesh: Mesh
    often: int = 1
    rounds: int = 1
    seconds: float = 0.0
    voices: int = 0


def of_experiment(experiment: Experiment, mesh: Mesh, voices: int) -> Iterator[Program]:
    """Every turn of a training step and the prediction on the mesh; sampling on one chip."""
    begun = state.abstract(mesh, builder(experiment), _batch_of(experiment, mesh, experiment.batch))
    if experiment.objective.turns:
        yield from _turns(experiment, mesh, begun)
    variables = begun.ema_variables()
    yield from _predictions(experiment, mesh, variables)
    if isinstance(experiment.objective, Generative):
        yield from _samplings(experiment, mesh, variables, voices)


def _batch_of(experiment: Experiment, mesh: Mesh, size: int) -> Any:
    """A batch as shapes, split over the mesh."""
    sharding = meshes.batch_sharding(mesh)
    spec = experiment.data.spec(size)
    return {k: jax.ShapeDtypeStruct(v.shape, v.dtype, sharding=sharding) for k, v in spec.items()}


def _turns(experiment: Experiment, mesh: Mesh, begun: state.TrainState) -> Iterator[Program]:
    """The turns of the first stage, each once, as the loop compiles them."""
    batch = _batch_of(experiment, mesh, experiment.batch)
    number = jax.ShapeDtypeStruct((), "int32", sharding=meshes.replicated(mesh))
    shardings = jax.tree.map(lambda leaf: leaf.sharding, begun)
    schedule = training_runs.schedule(experiment)
    rounds = loop.compile_turns(
        mesh, experiment.objective, experiment.optimizers, schedule, shardings
    )
    often = Counter(id(run) for _, run in rounds)
    for turn, run in {id(run): (turn, run) for turn, run in rounds}.values():
        call = lambda run=run: run.trace(begun, batch, number)  # noqa: E731
        yield Program(turn.player, "turn", call, mesh, often[id(run)])


def _predictions(experiment: Experiment, mesh: Mesh, variables: Variables) -> Iterator[Program]:
    """What evaluation runs, on a batch of the evaluation's own size or the next that divides."""
    objective = experiment.objective
    asked = getattr(experiment.evaluation, "batch", 1)
    size = math.ceil(asked / mesh.size) * mesh.size
    key = jax.eval_shape(lambda: jax.random.key(0))
    rng = jax.ShapeDtypeStruct(key.shape, key.dtype, sharding=meshes.replicated(mesh))
    batch = _batch_of(experiment, mesh, size)
    methods = ["predict"] if objective.turns or not hasattr(objective, "fit") else ["describe"]
    for method in methods:
        run = jax.jit(getattr(objective, method), out_shardings=meshes.replicated(mesh))
        call = lambda run=run: run.trace(variables, batch, rng)  # noqa: E731
        yield Program(method, "predict", call, mesh)


def _samplings(
    experiment: Experiment, mesh: Mesh, variables: Variables, voices: int
) -> Iterator[Program]:
    """The compiled blocks that a second of audio takes, on one chip: voices need no other's."""
    alone = Mesh(mesh.devices.reshape(-1)[:1].reshape(1, 1), mesh.axis_names)
    info = experiment.data.source.info
    rate = getattr(info, "sample_rate", None) or 16_000
    objective, source = _quiet(experiment.objective), None
    if getattr(objective, "needs_source", False):
        channels = getattr(info, "channels", 1) or 1
        source = np.zeros((rate, channels), np.float32)
    notes = none() if getattr(objective, "needs_notes", False) else None
    domain = getattr(objective, "domains", ("",))[0]
    text = objective.characters.example if getattr(objective, "needs_text", False) else None
    given: dict[str, Any] = {"source": source, "notes": notes, "domain": domain, "text": text}
    request = Request(rate, count=voices, chunk=min(rate, 16_000), engine="xla", **given)
    zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), variables)
    calls = recording.calls(lambda: list(objective.generate(zeros, request)))
    for call in calls:
        trace = lambda call=call: call.trace(meshes.replicated(alone))  # noqa: E731
        yield Program(call.name, "sample", trace, alone, call.often, call.rounds, 1.0, voices)


def _quiet(objective: Any) -> Any:
    """The objective with a tracker of pitch that finds nothing, in place of published weights."""
    if "tracker" not in {field.name for field in fields(objective)}:
        return objective

    def silent(audio: np.ndarray, hop: int) -> tuple[np.ndarray, np.ndarray]:
        frames = -(-len(audio) // hop)
        return np.full(frames, 220.0), np.ones(frames)

    return replace(objective, tracker=silent)
