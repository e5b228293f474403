"""Compiled prediction: an objective and its variables as a function of host arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from zoo import mesh as meshes
from zoo.objectives.base import Variables

_HostBatch = dict[str, np.ndarray]


def predictor(
    objective: object, mesh: Mesh, method: str = "predict"
) -> Callable[[Variables], Callable[[_HostBatch], _HostBatch]]:
    """With variables it maps host batches [B ...] to host outputs.

    Compiled once per shape and process: objectives of equal fields share their programs, whoever
    asks, and however often. method: of the objective, another with the arguments of `predict`. The
    batch is split over the devices, padded by its first rows where they do not divide it, and every
    process gets the whole output.
    """
    compiled = _program(objective, mesh, method)
    rng = jax.random.key(0)

    def bind(variables: Variables) -> Callable[[_HostBatch], _HostBatch]:
        def predict(batch: _HostBatch) -> _HostBatch:
            rows = len(next(iter(batch.values())))
            missing = -rows % mesh.size
            padded = {k: np.concatenate([v, v[:1].repeat(missing, 0)]) for k, v in batch.items()}
            output = compiled(variables, meshes.shard_replicated_batch(mesh, padded), rng)
            return {k: np.asarray(v)[:rows] for k, v in output.items()}

        return predict

    return bind


def _program(objective: object, mesh: Mesh, method: str) -> Callable[..., Any]:
    """A method of an objective under `jit`, its output replicated over the mesh."""
    try:
        hash(objective)
    except TypeError:  # a field of one's own, a dict for instance: one program for each such object
        return jax.jit(getattr(objective, method), out_shardings=meshes.replicated(mesh))
    return partial(_replicated(mesh), objective, method)


@cache
def _replicated(mesh: Mesh) -> Callable[..., Any]:
    return jax.jit(_call, static_argnums=(0, 1), out_shardings=meshes.replicated(mesh))


def _call(objective: object, method: str, *arguments: Any) -> Any:
    return getattr(objective, method)(*arguments)


def count_parameters(tree: object) -> int:
    """The number of parameters in a tree of arrays or shapes."""
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))
