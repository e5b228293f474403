"""The input of a network's last dense layer, [B D]: the embedding that timm calls pre-logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives.base import Tree


def penultimate(model: Network, variables: Tree, audio: jax.Array) -> jax.Array:
    """The input of the last `nn.Dense` that the model calls, audio [B T C] -> [B D] float32.

    Axes between batch and features (frames, bands) are averaged. Raises BadInput where the model
    has no dense layer.
    """
    inputs: list[jax.Array] = []

    def record(call: Callable, arguments: tuple, given: dict, context: Any) -> Any:
        if isinstance(context.module, nn.Dense) and context.method_name == "__call__":
            inputs.append(arguments[0])
        return call(*arguments, **given)

    with nn.intercept_methods(record):
        model.apply(variables, audio)
    if not inputs:
        raise BadInput(f"{type(model).__name__} ends in no dense layer: it has no embedding")
    last = inputs[-1].astype(jnp.float32)
    return last.reshape(last.shape[0], -1, last.shape[-1]).mean(1)
