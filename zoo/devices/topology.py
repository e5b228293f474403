"""Slices of accelerators that are described and not there, for XLA's compilers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from zoo.devices import chips, gpus
from zoo.devices.chips import Chip
from zoo.errors import BadInput

HERE = "here"
_EXAMPLES = (
    "v5e:2x2, v5e:4x4, v5e:16x16, v5p:2x2x1, v6e:4x4, h100:8, h200:8, or 'here' for the devices at "
    "hand"
)


@dataclass(frozen=True)
class Topology:
    """Devices to compile for. slices: groups of chips whose links between them are a network."""

    name: str
    devices: tuple[Any, ...]
    chip: Chip | None
    compiler: str
    slices: int = 1

    @property
    def kind(self) -> str:
        return self.devices[0].device_kind


def prepare_topologies(names: Sequence[str]) -> None:
    """To be called before JAX is asked for devices: no metadata server is, and no TPU is taken."""
    if HERE in names:
        return
    if any(name.partition(":")[0] in gpus.KNOWN for name in names):
        gpus.set_gpu_flags()
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    os.environ.setdefault("TPU_WORKER_HOSTNAMES", "localhost")
    os.environ.setdefault("TPU_ACCELERATOR_TYPE", "v5litepod-4")
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")  # two commands at a time
    os.environ["JAX_PLATFORMS"] = "cpu"


def describe_topology(name: str, slices: int = 1) -> Topology:
    """The topology of that name. BadInput where libtpu is missing or does not know it."""
    if name == HERE:
        return local_topology()
    version, _, shape = name.partition(":")
    if not shape:
        raise BadInput(f"--topology {name}: write VERSION:SHAPE as {_EXAMPLES}")
    if version in gpus.KNOWN:
        devices, compiler = gpus.describe_gpus(version, shape, slices)
        return Topology(name, devices, chips.find_chip(devices[0].device_kind), compiler, slices)
    if find_spec("libtpu") is None:
        raise BadInput("compiling for TPUs needs the package libtpu: pip install '.[tpu]'")
    from jax.experimental import topologies

    # One chip is less than a host has, which the compiler has to be told.
    alone = {"chips_per_host_bounds": (1, 1, 1)} if set(shape) <= set("1x") else {}
    many = {"num_slices": slices} if slices > 1 else {}
    try:
        found: Any = topologies.get_topology_desc(
            platform="tpu", topology_name=name, **alone, **many
        ).devices
    except Exception as error:  # jaxlib raises a RuntimeError of its own
        why = str(error).strip().splitlines()[0].removeprefix("INVALID_ARGUMENT: ")
        raise BadInput(f"--topology {name}: {why}. Known are {_EXAMPLES}") from error
    devices = tuple(found)
    chip = chips.find_chip(devices[0].device_kind)
    return Topology(name, devices, chip, f"libtpu {metadata.version('libtpu')}", slices)


def local_topology() -> Topology:
    """The devices of this process, whose own compiler is used."""
    import jax

    devices = tuple(jax.devices())
    compiler = f"jaxlib {metadata.version('jaxlib')}"
    return Topology(HERE, devices, chips.find_chip(devices[0].device_kind), compiler)
