"""Runs that are killed, told to stop, or shut out of their directory go on as if nothing had been.

ZOO_KILLS sets how often the run is killed: twice on a desk, 8 times where CI is set.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from zoo.runs import trained
from zoo.training.log import read_metrics

ROOT = Path(__file__).parent.parent.parent
STEPS = 60
KILLS = int(os.environ.get("ZOO_KILLS", "8" if os.environ.get("CI") else "2"))
ARGUMENTS = [
    "size=tiny",
    "depth=4",
    "widths=4,6,8",
    "batch=2",
    f"steps={STEPS}",
]

pytestmark = [pytest.mark.fault, pytest.mark.slow]


def launch(workdir, *words, environment=None):
    command = [
        sys.executable,
        "train.py",
        "--config",
        str(workdir.parent / "kill.py"),
        "--no_test",
        "--no_tensorboard",
        "--workdir",
        str(workdir),
        *ARGUMENTS,
        *words,
    ]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
    )


def finish(process, code=0):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == code, output
    return output


def wait_for_steps(workdir, process, beyond, limit=120.0):
    """Until metrics.jsonl holds a step beyond `beyond`; false if the process ends before."""
    path, until = workdir / "metrics.jsonl", time.monotonic() + limit
    while time.monotonic() < until and process.poll() is None:
        if path.exists() and max((line["step"] for line in read_metrics(path)), default=0) > beyond:
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the first config, made to save at every step and to log each."""
    folder = tmp_path_factory.mktemp("kill")
    text = (ROOT / "configs/classification/samplecnn_score_render.py").read_text()
    text = text.replace("save_every=100", "save_every=2,\n        log_every=1")
    (folder / "kill.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def reference(folder):
    finish(launch(folder / "reference"))
    return losses(folder / "reference"), weights(folder / "reference")


def losses(workdir):
    lines = [line for line in read_metrics(workdir / "metrics.jsonl") if "loss" in line]
    return {line["step"]: line["loss"] for line in lines}


def weights(workdir):
    config = str(workdir.parent / "kill.py")
    return trained.load_trained(workdir, config=config, step="latest").fingerprint()


def children(process):
    """The numbers of the processes that any thread of a process started."""
    found = []
    for listed in Path(f"/proc/{process.pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has ended
            found += map(int, listed.read_text().split())
    return found


def alive(number):
    """Whether a process is there, and not only its exit code."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(numbers, limit=20.0):
    until = time.monotonic() + limit
    while any(map(alive, numbers)) and time.monotonic() < until:
        time.sleep(0.1)
    return not any(map(alive, numbers))


def test_killed_again_and_again_equals_uninterrupted(folder, reference):
    """First with two workers that read ahead, which go with it; as many read at the end."""
    workdir, dice = folder / "killed", random.Random(0)
    for number in range(KILLS):
        workers = 0 if number else 2
        process = launch(workdir, f"workers={workers}")
        done = max(losses(workdir), default=0) if (workdir / "metrics.jsonl").exists() else 0
        if wait_for_steps(workdir, process, min(done, STEPS - 2)):
            time.sleep(dice.uniform(0.0, 0.4))
        started = children(process)
        assert len(started) >= workers, process.poll()
        process.kill()
        process.communicate()
        assert gone(started)
    finish(launch(workdir, "workers=2"))
    assert losses(workdir) == reference[0]
    assert weights(workdir) == reference[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_saves_says_how_to_go_on_and_is_no_success(folder, reference, number):
    workdir = folder / f"signal{int(number)}"
    process = launch(workdir)
    assert wait_for_steps(workdir, process, 2)
    process.send_signal(number)
    output = finish(process, 130)
    assert "go on with: python" in output
    finish(launch(workdir))
    assert losses(workdir) == reference[0] and weights(workdir) == reference[1]


def test_death_before_a_save_is_complete_costs_only_that_save(folder, reference):
    workdir = folder / "commit"
    process = launch(workdir, environment={"ZOO_FAULT": "commit:3"})
    process.communicate(timeout=300)
    assert process.returncode != 0
    finish(launch(workdir))
    assert losses(workdir) == reference[0] and weights(workdir) == reference[1]


def test_changed_arguments_are_shown_and_refused(folder, reference):
    output = finish(launch(folder / "reference", "learning_rate=0.5"), 2)
    assert "learning_rate: 0.002 -> 0.5" in output and "--allow_config_change" in output
    assert "Traceback" not in output


def test_two_runs_do_not_share_a_directory(folder):
    workdir = folder / "shared"
    first = launch(workdir, "steps=1_000_000")  # it must outlast the other's start
    assert wait_for_steps(workdir, first, 1)
    output = finish(launch(workdir), 2)
    assert f"is in use by process {first.pid} on " in output
    first.send_signal(signal.SIGTERM)
    finish(first, 130)


def test_a_truncated_record_file_is_refused_by_name(folder, reference, tmp_path):
    data = Path(os.environ["ZOO_DATA_DIR"]) / "score_render" / "tagging_tiny"
    copy = tmp_path / "score_render" / "tagging_tiny"
    shutil.copytree(data, copy)
    (file,) = copy.rglob("*train*array_record*")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    environment = {"ZOO_DATA_DIR": str(tmp_path)}
    output = finish(launch(folder / "truncated", environment=environment), 2)
    assert f"{file.name} holds 0 records, not 24: it is damaged" in output
    assert "Traceback" not in output


def test_metrics_have_every_step_once(folder, reference):
    lines = read_metrics(folder / "reference" / "metrics.jsonl")
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, STEPS + 1))
    assert np.isfinite(list(reference[0].values())).all()
    written = json.loads((folder / "reference" / "run.json").read_text())
    assert written["arguments"]["steps"] == STEPS
