"""Where a self-attention tagger looks in a recording, and which tags each moment alone would give.

Won, Chun, Serra: "Toward interpretable music tagging with self-attention", arXiv:1906.04972, 2019:
attention heat maps, and heat maps of tags, for which all attention of the last layer goes to one
frame after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from zoo.errors import BadInput
from zoo.interpret import clips
from zoo.interpret.clips import Clip
from zoo.interpret.layers import AudioNetwork
from zoo.layers.attention import EncoderLayer, SelfAttention
from zoo.objectives.base import Tree
from zoo.runs.trained import Trained


@dataclass(frozen=True)
class Attended:
    """By window: whence the tags' token takes, and what each frame alone would have said.

    maps: of every layer, [N H F+1 F+1], a row is a place and sums to one; the first is the token's.
    alone [N F K] logits; logits [N K].
    """

    labels: tuple[str, ...]
    clip: Clip
    maps: tuple[np.ndarray, ...]
    alone: np.ndarray
    logits: np.ndarray

    @property
    def token(self) -> np.ndarray:
        """What the token takes from every frame, [layers*H N*F], scaled to a maximum of 1 each."""
        rows = np.stack([m[:, :, 0, 1:] for m in self.maps])  # [L N H F]
        rows = rows.transpose(0, 2, 1, 3).reshape(rows.shape[0] * rows.shape[2], -1)
        return rows / np.maximum(rows.max(1, keepdims=True), 1e-12)

    @property
    def kept(self) -> np.ndarray:
        """Share of the last layer's attention that the token keeps, [N], mean of heads."""
        return self.maps[-1][:, :, 0, 0].mean(1)

    def top(self, count: int) -> list[int]:
        """The strongest tags of the clip."""
        return [int(k) for k in np.argsort(-self.logits.mean(0), kind="stable")[:count]]

    @property
    def numbers(self) -> dict[str, np.ndarray]:
        """Arrays for an NPZ."""
        layers = {f"layer_{i}": m for i, m in enumerate(self.maps, 1)}
        rest = {"alone": self.alone, "logits": self.logits, "rate": np.asarray(self.clip.rate)}
        return layers | rest | {"labels": np.array(self.labels)}


def measure_attention(found: Trained, network: AudioNetwork, clip: Clip) -> Attended:
    """Attention in every window of a clip. BadInput for a system without self-attention."""
    labels = clips.tags_of(found, network)
    names = _layers(network)
    if not names:
        raise BadInput(f"{found.name} attends to nothing: take a self-attention tagger")
    maps = jax.jit(lambda variables, x: _maps(network, names, variables, x))
    alone = jax.jit(lambda variables, x: _frame_by_frame(network, names[-1], variables, x))
    seen, said, whole = [], [], []
    for window in clip.windows:
        logits, every = maps(network.variables, window[None])
        whole.append(np.asarray(logits)[0])
        seen.append([np.asarray(one)[0] for one in every])
        said.append(np.asarray(alone(network.variables, window[None])))
    stacked = tuple(np.stack(one) for one in zip(*seen))
    return Attended(labels, clip, stacked, np.stack(said), np.stack(whole))


def _layers(network: AudioNetwork) -> list[str]:
    """Paths of the encoder's layers, in the order of their use."""
    names: list[str] = []

    def watch(call: Any, args: tuple, kwargs: dict, context: Any) -> Any:
        if isinstance(context.module, EncoderLayer) and context.method_name == "__call__":
            names.append("/".join(context.module.path))
        return call(*args, **kwargs)

    x = jax.ShapeDtypeStruct((1, *network.shape), np.float32)
    with nn.intercept_methods(watch):
        jax.eval_shape(network, network.variables, x)
    return names


def _maps(network: AudioNetwork, names: list[str], variables: Tree, x: jax.Array) -> Any:
    """(logits, the weights of every layer) of windows [N T C]."""
    logits, state = network.module.apply(variables, x, mutable=["intermediates"])
    found = []
    for name in names:
        own = state["intermediates"]
        for part in [*name.split("/"), "attention"]:
            own = own[part]
        found.append(own["attention"][0])
    return logits, found


def _frame_by_frame(network: AudioNetwork, last: str, variables: Tree, x: jax.Array) -> jax.Array:
    """Logits were all of the last layer's attention on one frame, [1 T C] -> [F K].

    Behind attention that layer treats every place alike: each place is given what the token would
    become, and the places are then read as a batch.
    """

    def change(call: Any, args: tuple, kwargs: dict, context: Any) -> Any:
        module, name = context.module, "/".join(context.module.path)
        if context.method_name != "__call__":
            return call(*args, **kwargs)
        if isinstance(module, SelfAttention) and name.startswith(f"{last}/"):
            return _from_each(module, args[0])
        output = call(*args, **kwargs)
        return output.swapaxes(0, 1) if name == last else output

    with nn.intercept_methods(change):
        return network(variables, x)[1:]


def _from_each(module: nn.Module, x: jax.Array) -> jax.Array:
    """What makes the token, plus all that place j offers, of each x_j, [1 F D] -> [1 F D]."""
    value: Any = module.get_variable("params", "value")
    out: Any = module.get_variable("params", "out")
    offered = (x @ value["kernel"] + value["bias"]) @ out["kernel"] + out["bias"]
    return x[:, :1] - x + offered
