"""What a process keeps of the memory that it frees."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from zoo import machine

ROOT = Path(__file__).parent.parent
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc is not glibc's")
BEGIN = """
import json, resource, sys, threading
import numpy as np
from zoo import machine
MB = 2**20
def usage():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"faults": used.ru_minflt, "peak_mb": used.ru_maxrss / 1024}
if sys.argv[1] == "keep":
    machine.keep_freed_memory()
"""
STEPS = """
def step():
    blocks = [np.ones(size * MB, np.uint8) for size in (48, 24, 96)]
for _ in range(3): step()
before = usage()["faults"]
for _ in range(10): step()
print(json.dumps({**usage(), "faults": usage()["faults"] - before}))
"""
SONGS = """
random = np.random.default_rng(0)
def songs():
    for seconds in random.uniform(1, 60, 40):
        song = np.ones(int(seconds * MB), np.uint8)
        stems = [np.ones(len(song), np.uint8) for _ in range(3)]
        kept.append(stems[0][: MB // 2].copy())
kept = []
threads = [threading.Thread(target=songs) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(usage()))
"""


def _run(program: str, how: str, **environment: str) -> dict[str, float]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program, how],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**clean, **environment},
    )
    return json.loads(done.stdout)


@glibc
def test_later_steps_find_the_pages_of_the_first():
    plain, kept = _run(STEPS, "plain"), _run(STEPS, "keep")
    assert kept["faults"] < plain["faults"] / 20
    assert kept["peak_mb"] < 1.1 * plain["peak_mb"]


@glibc
def test_blocks_of_all_sizes_from_two_threads_do_not_pile_up():
    plain, kept = _run(SONGS, "plain"), _run(SONGS, "keep")
    assert kept["peak_mb"] < 1.5 * plain["peak_mb"]


@glibc
@pytest.mark.parametrize("name", ["MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_"])
def test_who_tunes_malloc_by_the_environment_is_left_alone(name):
    plain, kept = (_run(STEPS, how, **{name: str(2**17)}) for how in ("plain", "keep"))
    assert kept["faults"] > plain["faults"] / 2


def test_a_machine_without_mallopt_goes_on(monkeypatch):
    for error in (OSError, AttributeError, TypeError):
        monkeypatch.setattr(machine.ctypes, "CDLL", Mock(side_effect=error))
        machine.keep_freed_memory()
