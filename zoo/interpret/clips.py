"""A user's recording as the windows of a network, and what is looked for in it: a tag, a layer."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo import numerals
from zoo.audio.audio_files import SILENCE
from zoo.audio.blocks import open_song, read_blocks, remix, resample_blocks
from zoo.errors import BadInput
from zoo.interpret import layers
from zoo.interpret.layers import AudioNetwork, FilterLayer
from zoo.objectives.base import Tree
from zoo.runs.pairs import labels_of
from zoo.runs.trained import Trained


@dataclass(frozen=True)
class Clip:
    """Windows [N T C] of a recording, side by side, from `start` (s) on."""

    path: Path
    windows: np.ndarray
    rate: int
    start: float

    @property
    def audio(self) -> np.ndarray:
        """All of it, [N T C] -> [N*T C]."""
        return self.windows.reshape(-1, self.windows.shape[2])

    @property
    def seconds(self) -> float:
        return len(self.audio) / self.rate


def read_clip(network: AudioNetwork, path: Path, start: float = 0.0, seconds: float = 10.0) -> Clip:
    """As many whole windows as begin in `seconds` of a recording, at most; one at least.

    A recording shorter than a window is filled up with silence. Raises BadInput where nothing
    sounds there.
    """
    song, (samples, channels) = open_song(path), network.shape
    first = round(start * network.rate)
    count = max(1, int(seconds * network.rate) // samples)
    blocks = remix(resample_blocks(read_blocks(song), song.rate, network.rate), channels)
    kept, length = [], 0
    for block in blocks:
        kept.append(block[max(0, first - length) :])
        length += len(block)
        if length >= first + count * samples:
            break
    audio = np.concatenate([np.zeros((0, channels), np.float32), *kept])[: count * samples]
    if not len(audio):
        raise BadInput(f"{path} ends before {start:g} s: give an earlier --start")
    if np.abs(audio).max() < SILENCE:
        raise BadInput(f"{path} is silent from {start:g} s on: give another --start")
    whole = max(1, len(audio) // samples) * samples
    audio = np.pad(audio[:whole], ((0, max(0, whole - len(audio))), (0, 0)))
    return Clip(Path(path), audio.reshape(-1, samples, channels), network.rate, start)


@dataclass(frozen=True)
class Target:
    """What is looked for: tag number `index`, filter `index` of a layer, or all of a layer."""

    name: str
    index: int | None
    layer: FilterLayer | None = None


def tags_of(found: Trained, network: AudioNetwork) -> tuple[str, ...]:
    """The labels of a network that gives one number for each. BadInput where it does not."""
    labels = labels_of(found.experiment)
    x = jax.ShapeDtypeStruct((1, *network.shape), jnp.float32)
    shape = getattr(jax.eval_shape(network, network.variables, x), "shape", None)
    if not labels or shape != (1, len(labels)):
        raise BadInput(f"{found.name} gives no tags: name a layer, or a tagger such as musicnn_mtt")
    return labels


def find_target(found: Trained, network: AudioNetwork, towards: str) -> Target:
    """'TAG', 'LAYER' or 'LAYER:FILTER'. BadInput offers the nearest names."""
    labels = labels_of(found.experiment)
    same = [i for i, label in enumerate(labels) if label.lower() == towards.lower()]
    if same:
        tags_of(found, network)
        return Target(labels[same[0]], same[0])
    name, _, number = towards.rpartition(":")
    if not (name and numerals.is_count(number)):
        name, number = towards, ""
    known = layers.convolutions(network)
    chosen = [layer for layer in known if name in (layer.name, layer.name.rpartition("/")[0])]
    if not chosen:
        raise BadInput(
            f"{found.name}: '{towards}' is no tag and no layer; {_near(labels, known, name)}"
        )
    if number and int(number) >= chosen[0].filters:
        raise BadInput(f"{chosen[0].name} has filters 0 to {chosen[0].filters - 1}, not {number}")
    return Target(towards, int(number) if number else None, chosen[0])


def _near(labels: Sequence[str], known: Sequence[FilterLayer], name: str) -> str:
    names = [*labels, *(layer.name for layer in known)]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    return f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(names)}"


def target_scores(
    network: AudioNetwork, target: Target, variables: Tree, x: jax.Array
) -> jax.Array:
    """How much of the target is in every window, [N T C] -> [N].

    A tag's logit; how far a filter rises above its own mean (`layers.activity`); of a layer, the
    mean square of that over its filters, which the strongest lead.
    """
    if target.layer is None:
        return network(variables, x)[:, target.index].astype(jnp.float32)
    every = layers.activity(network, target.layer, variables, x)
    if target.index is None:
        return jnp.mean(every**2, 1)
    return every[:, target.index]


def first_energy(
    network: AudioNetwork, first: FilterLayer, variables: Tree, x: jax.Array
) -> jax.Array:
    """Log of the mean square of what the first layer gives, [N T C] -> [N]."""
    try:
        with nn.intercept_methods(partial(_output_of, first.name)):
            network(variables, x)
    except layers.Reached as reached:
        y = reached.output.astype(jnp.float32)
        return jnp.log(jnp.mean(y**2, tuple(range(1, y.ndim))) + 1e-12)
    raise BadInput(f"{network.name} never came to {first.name}")


def _output_of(name: str, call: Any, args: tuple, kwargs: dict, context: Any) -> Any:
    output = call(*args, **kwargs)
    if context.method_name == "__call__" and "/".join(context.module.path) == name:
        raise layers.Reached(output)
    return output
