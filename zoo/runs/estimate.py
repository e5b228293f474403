"""Memory that an experiment needs, estimated by shapes before anything is compiled.

A lower bound: what is stored, and the largest single result that a layer hands on. What passes may
still be too much; what is refused cannot run here.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jax.extend import core
from jax.sharding import Mesh

from zoo.arguments import format_value
from zoo.errors import BadInput
from zoo.experiment import Config, Experiment
from zoo.objectives.base import Batch, Objective

LAYERS = 3000  # calls of modules in one pass; the largest config of the zoo has 374
_PATIENCE = 100.0  # seconds that laying out one pass may take, where its layers are few but slow
# Whose results are always stored; others may be fused into the next.
STORED = ("dot_general", "conv_general_dilated", "fft", "lu", "eigh", "svd", "cholesky")
CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class _Needs:
    """Numbers of parameters, and bytes: of the state, of its largest player, of a batch, ..."""

    parameters: int
    state: int
    gradients: int
    batch: int
    largest: int  # result of one operation

    def each(self, devices: int, fsdp: int, accumulate: int) -> float:
        """Bytes of one device at the least."""
        spread = (self.batch + self.largest / accumulate) / devices
        return (self.state + self.gradients) / fsdp + spread


def check_training(
    config: Config, arguments: dict[str, Any], experiment: Experiment, build: Any, mesh: Mesh
) -> None:
    """Refuses a training of which memory has no room for the least: BadInput with the figures."""
    check_batch_memory(config, arguments, experiment)
    with limit_layers(config, arguments):
        spec = experiment.data.spec(experiment.batch)
        needs = of_training(build, spec)
    need = needs.each(mesh.size, mesh.shape["fsdp"], experiment.accumulate)
    _refuse(config, arguments, needs, need, memory(mesh))


def check_use(config: Config, arguments: dict[str, Any], experiment: Experiment) -> None:
    """As `check_training`, of a system that is used as it is."""
    check_batch_memory(config, arguments, experiment)
    with limit_layers(config, arguments):
        spec = experiment.data.spec(experiment.batch)
        program = jax.make_jaxpr(partial(_used, experiment.objective))(jax.random.key(0), spec)
    _refuse(
        config,
        arguments,
        needs := _Needs(0, 0, 0, _size(spec), _largest(program.jaxpr)),
        needs.each(1, 1, 1),
        memory(None),
    )


def _used(objective: Objective, rng: jax.Array, batch: Batch) -> Any:
    variables = objective.init(rng, batch)
    try:
        return objective.predict(variables, batch, rng)
    except BadInput:  # of this data: reported where it is used
        return variables


def check_call(asked: str, objective: Objective, variables: Any, batch: Batch) -> None:
    """Refuses a prediction of inputs of such shapes for which memory has no room. BadInput."""
    program = jax.make_jaxpr(objective.predict)(variables, batch, jax.random.key(0))
    need, there = _size(variables) + _size(batch) + _largest(program.jaxpr), memory(None)
    if need > there:
        raise BadInput(
            f"{asked} take {need / 1e9:,.1f} GB at the least, the memory has {there / 1e9:,.1f} "
            "GB: ask for less"
        )


def check_batch_memory(config: Config, arguments: dict[str, Any], experiment: Experiment) -> None:
    """The cheapest figure of all, for which no array is made: a batch of so many samples."""
    samples = arguments.get("samples")
    if isinstance(samples, int):
        batch = 4 * samples * experiment.batch
        _refuse(config, arguments, _Needs(0, 0, 0, batch, 0), batch, memory(None))


def of_training(build: Callable[[Any], Any], spec: dict[str, np.ndarray]) -> _Needs:
    """By tracing the initialisation, in which every network passes its first batch."""
    shapes = {k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in spec.items()}
    program, state = jax.make_jaxpr(build, return_shape=True)(shapes)
    params = state.variables.params
    count = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))
    gradients = max((_size(params[player]) for player in state.optimizers), default=0)
    return _Needs(count, _size(state), gradients, _size(spec), _largest(program.jaxpr))


def _size(tree: Any) -> int:
    """Bytes of arrays or shapes; keys count as nothing."""
    leaves = (leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf, "shape"))
    return sum(
        int(np.prod(leaf.shape, dtype=object)) * getattr(leaf.dtype, "itemsize", 0)
        for leaf in leaves
    )


def _largest(program: core.Jaxpr) -> int:
    """Bytes of the largest result that is stored, inner programs included."""
    found = 0
    for equation in program.eqns:
        if equation.primitive.name in STORED:
            found = max(found, *(_size(result.aval) for result in equation.outvars))
        for part in jax.tree.leaves(equation.params, is_leaf=_is_program):
            if _is_program(part):
                inner = part.jaxpr if isinstance(part, core.ClosedJaxpr) else part
                found = max(found, _largest(inner))
    return found


def _is_program(part: Any) -> bool:
    return isinstance(part, core.Jaxpr | core.ClosedJaxpr)


@contextlib.contextmanager
def limit_layers(config: Config, arguments: dict[str, Any]) -> Iterator[None]:
    """Inside the block, networks of too many layers, or too deep ones, are refused as they form."""
    calls, began = 0, time.monotonic()

    def counted(call: Callable[..., Any], args: tuple, kwargs: dict, context: Any) -> Any:
        nonlocal calls
        calls += context.method_name == "__call__"
        seconds = time.monotonic() - began
        if calls > LAYERS or seconds > _PATIENCE:
            raise BadInput(
                f"{_asked(config, arguments)}: {calls:,} layers after {seconds:.0f} s and more to "
                f"come, where {LAYERS:,} are the most: ask for fewer"
            )
        return call(*args, **kwargs)

    try:
        with nn.intercept_methods(counted):
            yield
    except (RecursionError, MemoryError, OverflowError, TypeError, ValueError) as error:
        # Of a config of one's own, or of unchanged arguments, it is a fault to be looked into.
        ours = config.task == "own" or _asked(config, arguments) == config.name
        if ours and isinstance(error, TypeError | ValueError):
            raise
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        why = "nested too deep" if isinstance(error, RecursionError) else why
        raise BadInput(f"{_asked(config, arguments)} cannot be built: {why}") from error


def _refuse(
    config: Config, arguments: dict[str, Any], needs: _Needs, need: float, there: int
) -> None:
    """raises BadInput where `need` bytes are more than `there` are."""
    if need <= there:
        return
    stored = f"{needs.parameters:,} parameters, " if needs.parameters else ""
    raise BadInput(
        f"{_asked(config, arguments)}: {stored}a batch of {needs.batch / 1e9:,.2f} GB and layers "
        f"of up to {needs.largest / 1e9:,.2f} GB take {need / 1e9:,.1f} GB at the least, the "
        f"memory has {there / 1e9:,.1f} GB: ask for less"
    )


def _asked(config: Config, arguments: dict[str, Any]) -> str:
    """The config with what differs from its defaults."""
    defaults = config.defaults
    changed = [f"{k}={format_value(v)}" for k, v in arguments.items() if v != defaults.get(k)]
    return " ".join([config.name, *changed])


def memory(mesh: Mesh | None) -> int:
    """Bytes of each device as it states them, else its share of this machine."""
    device = jax.local_devices()[0]
    stated = (device.memory_stats() or {}).get("bytes_limit")
    if stated:
        return int(stated)
    here = mesh.local_mesh.size if mesh is not None else 1
    return host_memory() // here


def host_memory() -> int:
    """Bytes that this process may have: of the machine, or of its container."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for place in CGROUPS:
        with contextlib.suppress(OSError, ValueError):  # "max" is no limit
            found.append(int(Path(place).read_text()))
    return min(found)
