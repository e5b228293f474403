"""CPU time and memory of BSSEval v4 against museval, both on one thread; prints JSON.

    python benchmarks/bss_eval.py [seconds=30] [sources=4] [repeats=1] [threads=1]

Each measures in a process of its own. `ratio` is museval's CPU time over ours (best of the
repeats). `mb` is what a process takes at its peak beyond what it held with both signals loaded,
`memory` ours over museval's; `peak_mb` of the whole process, in which ours has JAX. `difference` is
the largest gap in dB of SDR, ISR, SIR and SAR.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import in_turns
import numpy as np
from in_turns import Options

RATE = 44_100
DEFAULTS = dict(seconds=30, sources=4, repeats=1, threads=1, child="")
Metric = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, ...]]


def make_signals(seconds: int, sources: int) -> tuple[np.ndarray, np.ndarray]:
    """16-bit stereo references and leaky estimates, [S T 2] each, made second by second."""
    rng = np.random.default_rng(0)
    reference = np.empty((sources, seconds * RATE, 2))
    estimate = np.empty_like(reference)
    for start in range(0, seconds * RATE, RATE):
        played = 0.1 * rng.standard_normal((sources, RATE, 2))
        noise = 0.003 * rng.standard_normal(played.shape)
        leaky = 0.8 * played + 0.1 * played.sum(axis=0) + noise
        for signal, second in ((reference, played), (estimate, leaky)):
            signal[:, start : start + RATE] = np.round(second * 32_768) / 32_768
    return reference, estimate


def resident_mb() -> float:
    """What this process holds now, by Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def load_ours() -> Metric:
    """`zoo.metrics`, in a process that keeps its freed memory, as the zoo's commands do."""
    from zoo import machine
    from zoo.metrics.bss_eval import bss_eval

    def ratios(reference: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, ...]:
        scores = bss_eval(reference, estimate, RATE, RATE)
        return scores.sdr, scores.isr, scores.sir, scores.sar

    machine.keep_freed_memory()
    return ratios


def load_museval() -> Metric:
    """museval's metrics alone: importing the package needs ffmpeg."""
    folder = next(iter(importlib.util.find_spec("museval").submodule_search_locations))
    spec = importlib.util.spec_from_file_location("museval_alone", Path(folder) / "metrics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *signals: module.bss_eval(*signals, RATE, RATE)[:4]


def measure(name: str, options: Options) -> dict:
    """CPU seconds of the best call, megabytes at its peak, and the ratios [4 S F]."""
    from threadpoolctl import threadpool_limits

    metric = {"ours": load_ours, "museval": load_museval}[name]()
    signals = make_signals(options["seconds"], options["sources"])
    before = resident_mb()
    with threadpool_limits(options["threads"]):
        times = in_turns.timed(lambda: metric(*signals), options["repeats"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ratios = np.stack(times["values"][-1]).tolist()
    cpu_seconds = min(times["cpu_ms"]) / 1000
    return {
        "cpu_seconds": cpu_seconds,
        "mb": peak - before,
        "peak_mb": peak,
        "ratios": ratios,
    }


def compare(options: Options) -> dict:
    found = {}
    for name in ("ours", "museval"):
        given = [f"{key}={value}" for key, value in options.items() if key != "child"]
        done = subprocess.run(
            [sys.executable, __file__, f"child={name}", *given],
            env=in_turns.environment(options),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        found[name] = json.loads(done.stdout.splitlines()[-1])
    ours, theirs = found["ours"], found["museval"]
    gap = np.abs(np.subtract(ours["ratios"], theirs["ratios"])).max()
    return {
        **{key: options[key] for key in ("seconds", "sources", "threads")},
        "cpu_seconds": {name: round(one["cpu_seconds"], 2) for name, one in found.items()},
        "ratio": round(theirs["cpu_seconds"] / ours["cpu_seconds"], 2),
        "mb": {name: round(one["mb"]) for name, one in found.items()},
        "memory": round(ours["mb"] / theirs["mb"], 3),
        "peak_mb": {name: round(one["peak_mb"]) for name, one in found.items()},
        "difference": float(gap),
        "machine": in_turns.machine(),
    }


def main(arguments: list[str]) -> None:
    options = in_turns.parsed(arguments, DEFAULTS)
    in_turns.pin(options["threads"])
    child = options["child"]
    print(json.dumps(measure(child, options) if child else compare(options)))


if __name__ == "__main__":
    main(sys.argv[1:])
