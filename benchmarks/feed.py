"""CPU seconds per training example and crops a second of the data feed, without a training step.

    python benchmarks/feed.py                    a made-up MUSDB18 of noise, 0, 1 and 2 workers
    python benchmarks/feed.py --path ~/data/musdb18hq

The floor is a plain crop of an open memmap [S T C] of int16, copied. CPU time is that of this
process and its workers, so it holds on a busy machine; crops a second are wall time, and do not.
Batches are made and dropped; a second of rest between measures lets what is read ahead be read.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from zoo.experiment import find_config

CONFIGS = {"demucs_musdb18": 16, "wave_unet_musdb18": 16}  # batch
RATE, SECONDS = 44_100, 60
QUIET, IDLE = 1.0, 0.1  # seconds, and the load below which no batch is being read
TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", type=Path, help="MUSDB18-HQ; without it songs of noise are made")
    parser.add_argument("--songs", type=int, default=4)
    parser.add_argument("--examples", type=int, default=256)
    parser.add_argument("--threads", type=int, nargs="*", default=[0, 2])
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = options.path or noise(Path(folder) / "musdb18hq", options.songs)
        for name, batch in CONFIGS.items():
            data = find_config(name).experiment(path=str(root)).data
            source = replace(data.source, allow_missing=True, data_dir=folder)
            source.prepare()
            data = replace(data, source=source)
            examples = options.examples // batch * batch
            record(name, "memmap floor", *timed(floor(Path(folder), data, examples), examples))
            for workers in options.workers:
                for threads in [0] if workers else options.threads:
                    own = replace(data, workers=workers, read_threads=threads)
                    batches = own.batches(batch, seed=0)
                    next(batches)  # workers start
                    draws = itertools.islice(batches, examples // batch)
                    label = f"{workers} workers" if workers else f"0 workers, {threads} threads"
                    record(name, label, *timed(draws, examples))
                    del draws, batches


def noise(root: Path, songs: int) -> Path:
    """Songs of noise where MUSDB18-HQ has its own."""
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for song in range(songs if part == "train" else 1):
            folder = root / part / f"Noise - {part} {song}"
            folder.mkdir(parents=True)
            stems = rng.integers(-4000, 4000, (4, RATE * SECONDS, 2)).astype(np.int16)
            names = ("drums", "bass", "other", "vocals", "mixture")
            for name, audio in zip(names, [*stems, stems.sum(0).astype(np.int16)]):
                soundfile.write(folder / f"{name}.wav", audio, RATE, subtype="PCM_16")
    return root


def floor(folder: Path, data, examples: int) -> Iterator[np.ndarray]:
    """As many crops of the same shape from memmaps of one song each."""
    shape = next(data.batches(1, seed=0))["stems"].shape[1:]
    stems = min(shape[0], shape[1])
    length = max(shape)
    path = folder / "floor.npy"
    rng = np.random.default_rng(0)
    minute = data.source.sample_rate * SECONDS
    np.save(path, rng.integers(-4000, 4000, (stems, minute, shape[-1])).astype(np.int16))
    whole = np.load(path, mmap_mode="r")
    whole.sum()
    return (
        np.array(whole[:, start : start + length])
        for start in rng.integers(minute - length, size=examples)
    )


def timed(draws: Iterator, examples: int) -> tuple[float, float]:
    """(CPU seconds an example, examples a second); as much is read ahead after as before."""
    cpu, wall = settled(), time.perf_counter()
    for _ in draws:
        pass
    took = time.perf_counter() - wall
    return (settled() - cpu) / examples, examples / took


def settled() -> float:
    """`cpu_seconds` once nothing more is read ahead."""
    before, now = -math.inf, cpu_seconds()
    while now - before > IDLE * QUIET:
        time.sleep(QUIET)
        before, now = now, cpu_seconds()
    return now


def cpu_seconds() -> float:
    """Of this process and of the workers that live."""
    total = time.process_time()
    for child in multiprocessing.active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / TICK
    return total


def record(name: str, what: str, cpu: float, speed: float) -> None:
    measured = {"config": name, "feed": what, "cpu_s": round(cpu, 5), "per_s": round(speed, 1)}
    print(json.dumps(measured), flush=True)


if __name__ == "__main__":
    main()
