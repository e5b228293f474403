"""CPU time of BSSEval v4 against museval, both on one thread; prints JSON.

    python benchmarks/bss_eval.py [seconds=30] [sources=4] [repeats=1]

`ratio` is museval's CPU time over ours (best of the repeats); `difference` the largest gap in dB.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from in_turns import parsed
from threadpoolctl import threadpool_limits

from zoo.metrics.bss_eval import bss_eval
from zoo.metrics.sdr import framewise_sdr

RATE = 44_100


def load_museval() -> ModuleType:
    """museval's metrics alone: importing the package needs ffmpeg."""
    folder = next(iter(importlib.util.find_spec("museval").submodule_search_locations))
    spec = importlib.util.spec_from_file_location("museval_alone", Path(folder) / "metrics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_signals(seconds: int, sources: int) -> tuple[np.ndarray, np.ndarray]:
    """16-bit stereo references and leaky estimates, [S T 2] each."""
    rng = np.random.default_rng(0)
    reference = 0.1 * rng.standard_normal((sources, seconds * RATE, 2))
    noise = 0.003 * rng.standard_normal(reference.shape)
    estimate = 0.8 * reference + 0.1 * reference.sum(axis=0) + noise
    return np.round(reference * 32_768) / 32_768, np.round(estimate * 32_768) / 32_768


def best_time(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Least CPU time of some calls in seconds, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        result = call()
        times.append(time.process_time() - start)
    return min(times), result


def main(seconds: int = 30, sources: int = 4, repeats: int = 1) -> None:
    museval = load_museval()
    signals = make_signals(seconds, sources)
    quick, _ = best_time(lambda: framewise_sdr(*signals), repeats)
    ours, scores = best_time(lambda: bss_eval(*signals), repeats)
    theirs, expected = best_time(lambda: museval.bss_eval(*signals, RATE, RATE), repeats)
    pairs = zip((scores.sdr, scores.isr, scores.sir, scores.sar), expected, strict=False)
    report = {
        "seconds": seconds,
        "sources": sources,
        "ours_cpu_seconds": round(ours, 3),
        "museval_cpu_seconds": round(theirs, 3),
        "sdr_alone_cpu_seconds": round(quick, 3),
        "ratio": round(theirs / ours, 2),
        "difference": max(float(np.abs(one - other).max()) for one, other in pairs),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    with threadpool_limits(1):
        main(**parsed(sys.argv[1:], dict(seconds=30, sources=4, repeats=1)))
