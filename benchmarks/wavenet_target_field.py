"""Wavenet for source separation: time per second of audio over the length of its target field.

The authors report 0.56 s per second of music on a GPU at 1,601 samples (ISMIR 2019 tutorial), and
that longer fields are faster: every field is computed with 8,184 samples of context.

python benchmarks/wavenet_target_field.py [fields=1601,16010] [threads=2] [steps=5] [torch=1]

Prints one JSON record a field: seconds per second of 16 kHz audio, multiplications in billions per
second of audio (`authors_gmac`: with every layer over the whole input, as their code computes), and
with torch=1 the seconds of a PyTorch net that computes as theirs, in the same process.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable

import in_turns
import numpy as np

RATE = 16_000
DEFAULTS = dict(
    fields="1601,4001,8001,16010,64040",
    width=64,
    stacks=4,
    layers=10,
    threads=2,
    steps=5,
    torch=1,
)
FINAL = (2048, 256)
Options = in_turns.Options


def multiplications(field: int, options: Options, *, authors: bool = False) -> int:
    """Of one field: dilated, residual and skip convolutions, and the last three."""
    width, stacks, layers = options["width"], options["stacks"], options["layers"]
    learnt = field + 2
    length = field + 2 * stacks * (2**layers - 1)
    total, here = 3 * width * length, length + 2
    for number in range(stacks * layers):
        here -= 2 * 2 ** (number % layers)
        places = length if authors else here
        skips = length if authors else learnt
        total += places * (6 * width**2 + width**2) + skips * width**2
    return total + learnt * (3 * width * FINAL[0] + 3 * FINAL[0] * FINAL[1] + FINAL[1])


def jax_call(x: np.ndarray, options: Options) -> Callable[[], None]:
    import jax

    from zoo.models.separation.wavenet_regression import WavenetRegression

    model = WavenetRegression(
        1, options["width"], options["width"], options["stacks"], options["layers"], FINAL
    )
    variables = jax.jit(model.init)(jax.random.key(0), x)
    run = jax.jit(model.apply)
    return lambda: jax.block_until_ready(run(variables, x))


def torch_call(x: np.ndarray, options: Options) -> Callable[[], None]:
    import torch
    from torch import nn

    torch.set_num_threads(options["threads"])
    width, layers = options["width"], options["layers"]

    def conv(inputs: int, outputs: int, taps: int, dilation: int = 1) -> nn.Conv1d:
        pads = (taps // 2) * dilation
        return nn.Conv1d(inputs, outputs, taps, padding=pads, dilation=dilation, bias=False)

    first = conv(1, width, 3)
    dilations = [2 ** (n % layers) for n in range(options["stacks"] * layers)]
    blocks = [(conv(width, 2 * width, 3, d), conv(width, 2 * width, 1)) for d in dilations]
    last = nn.Sequential(
        nn.ReLU(), conv(width, FINAL[0], 3), nn.ReLU(), conv(*FINAL, 3), nn.Conv1d(FINAL[1], 1, 1)
    )
    half = sum(dilations)
    audio = torch.tensor(x).mT.contiguous()

    def run() -> None:
        with torch.inference_mode():
            h, total = first(audio), 0
            for dilated, outputs in blocks:
                left, right = dilated(h).chunk(2, 1)
                residual, skip = outputs(left.tanh() * right.sigmoid()).chunk(2, 1)
                h, total = h + residual, total + skip[..., half - 1 : 1 - half]
            last(total)

    return run


def measured(call: Callable[[], None], field: int, options: Options) -> tuple[float, float]:
    """Median (wall, processor) seconds of a call, per second of the audio that it gives."""
    call()
    times = in_turns.timed(call, options["steps"])
    seconds = (statistics.median(times[key]) / 1000 for key in ("ms", "cpu_ms"))
    wall, busy = (round(value / (field / RATE), 4) for value in seconds)
    return wall, busy


def record(field: int, options: Options) -> dict:
    length = field + 2 * options["stacks"] * (2 ** options["layers"] - 1)
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (1, length, 1)).astype(np.float32)
    calls = {"jax": jax_call} | ({"torch": torch_call} if options["torch"] else {})
    found = {name: measured(make(x, options), field, options) for name, make in calls.items()}
    per_second = RATE / field / 1e9
    return {
        "field": field,
        "seconds_per_second": {name: wall for name, (wall, _) in found.items()},
        "cpu_seconds_per_second": {name: busy for name, (_, busy) in found.items()},
        "cpu_ratio": round(found["jax"][1] / found["torch"][1], 3) if options["torch"] else None,
        "gmac": round(multiplications(field, options) * per_second, 1),
        "authors_gmac": round(multiplications(field, options, authors=True) * per_second, 1),
        "threads": options["threads"],
    }


def main(arguments: list[str]) -> None:
    options = in_turns.parsed(arguments, DEFAULTS)
    in_turns.pin(options["threads"])
    sys.path.insert(0, str(in_turns.ROOT))
    for field in map(int, options["fields"].split(",")):
        print(json.dumps(record(field, options)), flush=True)
    print(json.dumps({"machine": in_turns.machine()}))


if __name__ == "__main__":
    main(sys.argv[1:])
