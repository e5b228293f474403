"""Times a config's compiled programs on the device at hand, against what the device could do.

    python benchmarks/on_device.py config=samplecnn_score_render [out=FILE] [seconds=5] [tiny=0]

Every turn of the training step, the prediction and the blocks of sampling are compiled for the
devices of this process as training compiles them, and run on zeros until `seconds` are over. A line
each: milliseconds, the roofline bound and the share of it reached, peak memory, the device's name.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from in_turns import machine, parsed

from zoo import experiment as experiments
from zoo import mesh as meshes
from zoo.devices import measure, programs, topology

DEFAULTS = {"config": "samplecnn_score_render", "out": "", "seconds": 5.0, "tiny": 0}


def argument(rounds: int, shape: Any, sharding: Any) -> Any:
    """Zeros; the whole numbers of Python are the rounds of a loop."""
    if jax.dtypes.issubdtype(shape.dtype, jax.dtypes.prng_key):
        return jax.device_put(jax.random.key(0), sharding)
    value = rounds if shape.weak_type and jnp.issubdtype(shape.dtype, jnp.integer) else 0
    return jax.device_put(jnp.full(shape.shape, value, shape.dtype), sharding)


def timed(compiled: Any, rounds: int, seconds: float) -> list[float]:
    """Milliseconds of each call after the first; donated arguments are made anew outside of it."""
    make = partial(argument, rounds)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 4 or time.perf_counter() - began < seconds:
        args, kwargs = jax.tree.map(make, compiled.in_avals, compiled.input_shardings)
        jax.block_until_ready((args, kwargs))
        start = time.perf_counter()
        jax.block_until_ready(compiled(*args, **kwargs))
        times.append(1e3 * (time.perf_counter() - start))
    return times[1:]


def record(lowered: measure.Lowered, here: topology.Topology, seconds: float) -> dict[str, Any]:
    about = measure.measure_program(lowered, here.chip)
    if "error" in about:
        return about
    compiled = lowered.stage.compile()
    times = timed(compiled, lowered.program.rounds, seconds)
    about["ms"] = statistics.median(times)
    if "bounds" in about:
        about["share"] = round(1e3 * about["bounds"][about["bound_by"]] / about["ms"], 3)
    memory = here.devices[0].memory_stats() or {}
    return {**about, "calls": len(times), "peak_bytes": memory.get("peak_bytes_in_use")}


def main(words: list[str]) -> None:
    options = parsed(words, DEFAULTS)
    config = experiments.find_config(options["config"])
    given = config.entry.smoke if options["tiny"] else {}
    experiment = config.experiment(**{**config.defaults, **given})
    here = topology.local_topology()
    every = measure.lower_all(
        programs.of_experiment(experiment, meshes.make_mesh(experiment.fsdp), 8)
    )
    for lowered in every:
        found = record(lowered, here, options["seconds"])
        line = {"config": config.row.id, "device": here.kind, "machine": machine(), **found}
        print(json.dumps({k: line.get(k) for k in ("config", "kind", "name", "ms", "share")}))
        if options["out"]:
            with Path(options["out"]).open("a") as file:
                file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
