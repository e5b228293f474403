"""Wave-U-Net with context: time per second of audio over the length of the segments of a song.

    python benchmarks/wave_unet_lengths.py [outputs=16384,131072] [width=24] [levels=12] [threads=2]
        [steps=3]

A segment of 16,384 samples of output, which is learnt from, reads 147,443; one of 131,072, by which
`wave_unet_musdb18` separates songs, 262,131. Prints one JSON record a length, of row m4 with random
weights: seconds of the clock and of the processor per second of audio, at 22,050 Hz, stereo.
"""

from __future__ import annotations

import json
import statistics
import sys

import in_turns
import numpy as np
from in_turns import Options

DEFAULTS = dict(outputs="16384,131072", width=24, levels=12, threads=2, steps=3)
RATE = 22_050


def record(wanted: int, options: Options) -> dict:
    import jax

    from zoo.models.separation.wave_unet import WaveUNet

    fields = dict(channels=2, context=True, output="difference")
    model = WaveUNet(levels=options["levels"], width=options["width"], **fields)
    length, stride = model.input_length(wanted), 2 ** options["levels"]
    kept = model.output_length(length) // stride * stride
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (1, length, 2)).astype(np.float32)
    variables = jax.jit(model.init)(jax.random.key(0, impl="rbg"), x)
    run = jax.jit(model.apply)
    jax.block_until_ready(run(variables, x))
    times = in_turns.timed(lambda: jax.block_until_ready(run(variables, x)), options["steps"])
    seconds = (statistics.median(times[key]) / 1000 for key in ("ms", "cpu_ms"))
    wall, busy = (round(value / (kept / RATE), 4) for value in seconds)
    found = {"seconds_per_second": wall, "cpu_seconds_per_second": busy}
    return {"input": length, "output": kept, **found, "threads": options["threads"]}


def main(arguments: list[str]) -> None:
    options = in_turns.parsed(arguments, DEFAULTS)
    in_turns.pin(options["threads"])
    sys.path.insert(0, str(in_turns.ROOT))
    records = []
    for wanted in map(int, options["outputs"].split(",")):
        records.append(record(wanted, options))
        print(json.dumps(records[-1]), flush=True)
    first, last = (one["cpu_seconds_per_second"] for one in (records[0], records[-1]))
    print(json.dumps({"cpu_ratio": round(last / first, 3), "machine": in_turns.machine()}))


if __name__ == "__main__":
    main(sys.argv[1:])
