"""`zoo doctor --distributed`: everything that differs between hosts is one line."""

import os
import socket
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest

from zoo.report import pod

ROOT = Path(__file__).parent.parent.parent
GOOD = [
    {
        "process": number,
        "host": f"host{number}",
        "devices": 4,
        "kind": "TPU v5 lite",
        "versions": dict.fromkeys(pod.ALIKE, "1.0"),
        "clock": 1000.0 + number / 10,
        "seen": [0, 1, 2],
    }
    for number in range(3)
]


def with_change(change):
    every = deepcopy(GOOD)
    change(every[1])
    return pod.faults(every, Path("/shared/run"), 24)


def test_hosts_that_agree_have_no_fault():
    assert pod.faults(GOOD, Path("/shared/run"), 24) == []


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda e: e.update(devices=2), "devices differ"),
        (lambda e: e.update(kind="TPU v4"), "process 1: 4 x TPU v4"),
        (
            lambda e: e["versions"].update(libtpu="2.0"),
            "libtpu differs, install one version: 1.0 on",
        ),
        (lambda e: e.update(clock=1003.0), "clocks differ by 3.0 s"),
        (
            lambda e: e.update(seen="Permission denied"),
            "host1 cannot write to /shared/run: Permission",
        ),
        (lambda e: e.update(seen=[1]), "host1 does not see what process 0 wrote"),
    ],
)
def test_every_difference_is_said(change, message):
    found = with_change(change)
    assert message in found[0]


def test_a_batch_that_does_not_divide_is_said():
    assert pod.faults(GOOD, None, 20) == [
        "batch=20 does not divide over 12 devices: batch=24 would"
    ]


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@pytest.mark.multiprocess
@pytest.mark.slow
def test_two_processes_see_each_other(tmp_path):
    """Both exit alike, and nothing stays in the folder."""
    port, both = free_port(), []
    words = ["doctor", "--distributed", "--workdir", str(tmp_path / "run"), "--batch", "3"]
    for process in (0, 1):
        environment = {
            **os.environ,
            "JAX_COORDINATOR_ADDRESS": f"localhost:{port}",
            "JAX_NUM_PROCESSES": "2",
            "JAX_PROCESS_ID": str(process),
        }
        both.append(
            subprocess.Popen(
                [sys.executable, "-m", "zoo", *words],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    for running in both:
        output, _ = running.communicate(timeout=120)
        assert running.returncode == 1, output
        assert "process 0 on" in output and "process 1 on" in output
        assert "WRONG: batch=3 does not divide over 2 devices: batch=4 would" in output
        assert output.count("WRONG") == 1, output
    assert not list((tmp_path / "run").iterdir())
