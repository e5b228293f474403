"""Devices, the shardings of a state, and host batches as global arrays.

One mesh `(data, fsdp)` serves a laptop and a pod. Under `jit` with sharded batches BatchNorm and
dropout see the global batch, so eight devices compute what one device computes; `jax.pmap`, which
is `jit` of `shard_map` today, would normalise per device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from zoo.errors import BadInput

BATCH = PartitionSpec(("data", "fsdp"))
SMALLEST_SPLIT = 4096  # elements; splitting smaller leaves costs more than it saves


def make_mesh(fsdp: int = 1, of: Sequence[Any] | None = None) -> Mesh:
    """All devices of all processes as a mesh `(data, fsdp)`; its axes are Auto, as linen needs.

    of: the devices, where they are not those of this process: described ones, to compile for.
    """
    devices = np.array(jax.devices() if of is None else of)
    if fsdp < 1 or devices.size % fsdp:
        raise BadInput(f"fsdp={fsdp} does not divide the {devices.size} devices that are here")
    return Mesh(devices.reshape(-1, fsdp), ("data", "fsdp"))


def check_batch_size(mesh: Mesh, batch: int, accumulate: int = 1) -> None:
    """Raises BadInput unless every device gets the same number of examples."""
    parts = mesh.size * accumulate
    if batch % parts:
        near = {max(batch // parts, 1) * parts, (batch // parts + 1) * parts}
        raise BadInput(
            f"batch={batch} does not divide over {mesh.size} devices"
            + (f" x {accumulate} accumulated parts" if accumulate > 1 else "")
            + f": {' or '.join(map(str, sorted(near)))} would"
        )


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, BATCH)


def axis_sharding(mesh: Mesh, axis: int) -> NamedSharding:
    """That axis split over all devices, said as XLA says it of its outputs.

    A compiled function that takes back what it gave would else be compiled twice.
    """
    names = tuple(name for name, size in mesh.shape.items() if size > 1)
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, names if names[1:] else names[0]))


def mesh_of(tree: Any) -> Mesh | None:
    """The mesh that arrays of a run lie on; None for arrays of NumPy or of one device."""
    shardings = (getattr(leaf, "sharding", None) for leaf in jax.tree.leaves(tree))
    named = (s.mesh for s in shardings if isinstance(s, NamedSharding))
    return next((mesh for mesh in named if isinstance(mesh, Mesh)), None)


def state_shardings(mesh: Mesh, abstract: Any) -> Any:
    """Shardings: large leaves split over `fsdp`, carries over the batch, the rest replicated.

    A leaf is split on its largest dimension that `fsdp` divides. Leaves of a collection named
    'memory' (state carried from window to window) hold one row per example of the batch; where that
    does not divide over the devices nothing is trained, only evaluated or sampled: replicated.
    """
    fsdp = mesh.shape["fsdp"]

    def of(path: tuple, leaf: Any) -> NamedSharding:
        if any(getattr(key, "key", None) == "memory" for key in path):
            return batch_sharding(mesh) if leaf.shape[0] % mesh.size == 0 else replicated(mesh)
        splittable = [axis for axis, size in enumerate(leaf.shape) if size % fsdp == 0]
        if fsdp == 1 or leaf.size < SMALLEST_SPLIT or not splittable:
            return replicated(mesh)
        axis = max(splittable, key=lambda axis: leaf.shape[axis])
        return NamedSharding(mesh, PartitionSpec(*[None] * axis, "fsdp"))

    return jax.tree_util.tree_map_with_path(of, abstract)


def global_batch(mesh: Mesh, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    """This process's slice of a batch [B/P ...] as part of global arrays [B ...]."""
    sharding = batch_sharding(mesh)
    return {k: jax.make_array_from_process_local_data(sharding, v) for k, v in batch.items()}


def shard_replicated_batch(mesh: Mesh, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    """A whole batch [B ...] that every process holds alike, split over the devices."""
    sharding = batch_sharding(mesh)
    return {
        k: jax.make_array_from_callback(v.shape, sharding, v.__getitem__) for k, v in batch.items()
    }
