"""Two processes train one run as one process would, save together and resume."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from zoo.training.log import read_metrics

ROOT = Path(__file__).parent.parent.parent
pytestmark = [pytest.mark.multiprocess, pytest.mark.slow]


def launch(workdir, steps, process=None, port=0):
    words = [
        "--config",
        "samplecnn_score_render",
        "--workdir",
        str(workdir),
        "--no_test",
        "--no_tensorboard",
        "size=tiny",
        "depth=4",
        "widths=4,6,8",
        "batch=4",
        f"steps={steps}",
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if process is not None:
        words += ["--distributed", "--allow_config_change"]
        environment |= {
            "JAX_COORDINATOR_ADDRESS": f"localhost:{port}",
            "JAX_NUM_PROCESSES": "2",
            "JAX_PROCESS_ID": str(process),
        }
    return subprocess.Popen(
        [sys.executable, "train.py", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_host_ends_the_other_in_one_line(tmp_path, lost):
    port = free_port()
    both = [launch(tmp_path / "run", 100_000, process, port) for process in (0, 1)]
    metrics = tmp_path / "run" / "metrics.jsonl"
    while not (metrics.is_file() and read_metrics(metrics)) and both[0].poll() is None:
        time.sleep(0.2)
    both[lost].kill()
    output, _ = both[1 - lost].communicate(timeout=120)
    assert both[1 - lost].returncode == 2, output
    assert output.rstrip().splitlines()[-1].startswith("train: another host of this run ended")
    for word in ("Traceback", "    @ ", "coordination", "preemption", "absl"):
        assert word not in output, output
    both[lost].communicate()


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def pair(workdir, steps):
    port = free_port()
    both = [launch(workdir, steps, process, port) for process in (0, 1)]
    outputs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    return outputs


def losses(workdir):
    lines = [line for line in read_metrics(workdir / "metrics.jsonl") if "loss" in line]
    return {line["step"]: line["loss"] for line in lines}


def test_two_processes_train_as_one_and_resume(tmp_path):
    one = launch(tmp_path / "one", 20)
    output, _ = one.communicate(timeout=300)
    assert one.returncode == 0, output
    first, second = pair(tmp_path / "two", 10)
    assert "2 x cpu on 2 hosts" in first and "parameters" not in second
    outputs = pair(tmp_path / "two", 20)
    assert "resumes at step 10 of 20" in outputs[0]
    alone, together = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert set(together) == set(alone) == {10, 20}
    # The schedule knows the number of steps, so only the shorter run's end differs a little.
    np.testing.assert_allclose(together[10], alone[10], rtol=0.05)
    again = launch(tmp_path / "two", 20, None)
    output, _ = again.communicate(timeout=300)
    assert again.returncode == 0 and "resumes at step 20 of 20" in output, output
