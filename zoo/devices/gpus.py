"""NVIDIA GPUs that are described and not there, as XLA:GPU wants them: its target configuration.

The CUDA plugin compiles for such a target without a driver. It cannot time kernels then, so that
autotuning is off and libraries' kernels are those of their first choice.
"""

from __future__ import annotations

import os
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from zoo import numerals
from zoo.errors import BadInput

_FLAGS = "--xla_gpu_autotune_level=0"
A_HOST = 8  # GPUs
# Of Hopper, as its programming guide and data sheets have them.
_SHARED = """
gpu_device_info {
  threads_per_block_limit: 1024
  threads_per_warp: 32
  threads_per_core_limit: 2048
  shared_memory_per_block: 49152
  shared_memory_per_core: 233472
  shared_memory_per_block_optin: 232448
  core_count: 132
  fpus_per_core: 128
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  l2_cache_size: 52428800
  clock_rate_ghz: 1.98
  cuda_compute_capability { major: 9 }
  memory_bandwidth: %d
  device_memory_size: %d
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 }
runtime_version { major: 12 minor: 9 patch: 0 }
device_description_str: "NVIDIA %s"
"""
KNOWN = {
    "h100": _SHARED % (3_350_000_000_000, 80 * 10**9, "H100"),
    "h200": _SHARED % (4_800_000_000_000, 141 * 10**9, "H200"),
}
PLUGINS = ("jax_cuda13_plugin", "jax_cuda12_plugin")


def set_gpu_flags() -> None:
    """To be called before JAX makes its first backend, which reads the flags."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FLAGS}".strip()


def describe_gpus(version: str, count: str, slices: int) -> tuple[tuple[Any, ...], str]:
    """(so many of the GPUs, eight to a host; what compiles for them). BadInput."""
    plugin = next((name for name in PLUGINS if find_spec(name)), None)
    if plugin is None:
        raise BadInput("compiling for GPUs needs JAX's plugin for CUDA: pip install '.[cuda12]'")
    number = int(count) if numerals.is_count(count) else 0
    if number < 1 or (number > A_HOST and number % A_HOST):
        raise BadInput(f"--topology {version}:{count}: write {version}:1 to :8, or a multiple of 8")
    from jax.experimental import topologies

    each = min(number, A_HOST)
    found: Any = topologies.get_topology_desc(
        platform="cuda",
        topology_name="",
        topology=f"{slices}x{number // each}x{each}",
        target_config=KNOWN[version],
    )
    return tuple(found.devices), f"{plugin} {metadata.version(plugin)}"
