"""The convolutions of a network that takes audio, and the response of each to an input."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.objectives.base import Tree
from zoo.runs.trained import Trained

# Fields of an objective whose network may take audio, the first choice first.
PLAYERS = ("model", "discriminator")


@dataclass(frozen=True)
class AudioNetwork:
    """The network of a trained system that takes audio [B T C] as its first argument."""

    module: nn.Module
    variables: Tree
    shape: tuple[int, int]  # (T, C) in training
    rate: int
    name: str

    @property
    def samples(self) -> int:
        return self.shape[0]

    def __call__(self, variables: Tree, x: jax.Array) -> Any:
        # Sown intermediates would be kept for nothing, hence no mutable collections.
        return self.module.apply(variables, x)


@dataclass(frozen=True)
class FilterLayer:
    """A convolution, or a bank of band-passes computed from its parameters."""

    name: str  # path of the module, 'module_1/conv'
    read: str  # where its answer is read: itself, or the batch norm right after it
    taps: int
    inputs: int  # channels of its input
    input_length: int  # time steps of its input
    filters: int
    length: int  # time steps of its output
    waves: bool  # one-dimensional, and not grouped
    module: nn.Module = field(compare=False, repr=False)


class Reached(Exception):
    """Carries a layer's output out of the network."""

    def __init__(self, output: jax.Array):
        self.output = output


def audio_network(found: Trained) -> AudioNetwork:
    """The network of a run or of published weights that takes audio. BadInput without one."""
    experiment = found.experiment
    objective = experiment.objective
    while hasattr(objective, "objective"):  # one that changes the batch before another
        objective = objective.objective
    spec = experiment.data.spec(1)
    key = getattr(objective, "input", None) or getattr(objective, "audio", None)
    for player in PLAYERS:
        module = getattr(objective, player, None)
        if isinstance(module, nn.Module) and player in found.variables.params and key in spec:
            rate = experiment.data.source.info.sample_rate
            variables = found.variables.of(player)
            return AudioNetwork(module, variables, spec[key].shape[1:], rate, found.name)
    raise BadInput(f"{found.name} has no trained network that takes audio: nothing to look into")


def convolutions(network: AudioNetwork, samples: int | None = None) -> list[FilterLayer]:
    """Every convolution in the order of its first use, for an input of so many samples.

    Of a shorter input than the network takes, those that it reaches; nothing is computed.
    """
    found: dict[str, FilterLayer] = {}
    outputs: dict[int, str] = {}  # id of a layer's output -> its name
    kept: list[Any] = []  # those outputs, or their ids might be given to other arrays

    def watch(call: Callable, args: tuple, kwargs: dict, context: Any) -> Any:
        module, name = context.module, "/".join(context.module.path)
        if context.method_name == "_check":
            return None
        output = call(*args, **kwargs)
        if context.method_name != "__call__" or not args:
            return output
        if _convolves(module) and name not in found:
            found[name] = _described(module, name, args[0], output)
            outputs[id(output)] = name
            kept.append(output)
        elif id(args[0]) in outputs and type(module).__name__ == "BatchNorm":
            name_of = outputs[id(args[0])]
            found[name_of] = replace(found[name_of], read=name)
        return output

    x = jax.ShapeDtypeStruct((1, samples or network.samples, network.shape[1]), jnp.float32)
    try:
        with nn.intercept_methods(watch):
            jax.eval_shape(network, network.variables, x)
    except (BadInput, TypeError, ValueError, flax.errors.FlaxError) as error:
        if samples is None:
            raise BadInput(f"{network.name}: its network does not run on audio alone") from error
    return list(found.values())


def _convolves(module: nn.Module) -> bool:
    if module.has_variable("params", "kernel"):
        return module.get_variable("params", "kernel").ndim >= 3
    return module.has_variable("params", "low") and module.has_variable("params", "band")


def _described(module: nn.Module, name: str, x: jax.Array, output: jax.Array) -> FilterLayer:
    banded = not module.has_variable("params", "kernel")
    shape = (module.taps, 1) if banded else module.get_variable("params", "kernel").shape
    waves = x.ndim == 3 and len(shape) == 2 + (not banded) and shape[1] == x.shape[-1]
    length = output.shape[1] if output.ndim > 2 else 1
    free = module.clone(parent=None)
    return FilterLayer(
        name, name, shape[0], x.shape[-1], x.shape[1], output.shape[-1], length, waves, free
    )


def choose(network: AudioNetwork, name: str | None) -> list[FilterLayer]:
    """The layer of that name, or all. BadInput offers the nearest names."""
    layers = convolutions(network)
    if name is None:
        return layers
    chosen = [layer for layer in layers if name in (layer.name, layer.name.rpartition("/")[0])]
    if not chosen:
        known = [layer.name for layer in layers]
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}"
        raise BadInput(f"{network.name} has no layer '{name}': {hint}")
    return chosen


def activity(network: AudioNetwork, layer: FilterLayer, variables: Tree, x: jax.Array) -> jax.Array:
    """How far a layer's filters rise above their own mean over time, on average, [B T C] -> [B C'].

    A steady answer counts for nothing: any sound with the period of a stride would give it.
    """
    # capture_intermediates would need the whole network to run, which refuses short sounds; this
    # leaves it at the layer.
    try:
        with nn.intercept_methods(partial(_stop_at, layer.read)):
            network(variables, x)
    except Reached as reached:
        y = reached.output.astype(jnp.float32)
        axes = tuple(range(1, y.ndim - 1))
        return nn.relu(y - y.mean(axes, keepdims=True)).mean(axes)
    raise BadInput(f"{network.name} never came to {layer.name}")


def _stop_at(name: str, call: Callable, args: tuple, kwargs: dict, context: Any) -> Any:
    if context.method_name == "_check":  # of the length that the top of the network needs
        return None
    output = call(*args, **kwargs)
    if context.method_name == "__call__" and "/".join(context.module.path) == name:
        raise Reached(output)
    return output
