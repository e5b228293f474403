"""One run per directory, and a dead one locks nobody out."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.errors import BadInput
from zoo.runs.run_lock import NAME, hold_run

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from zoo.runs.run_lock import hold_run
with hold_run(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_living_holder_is_named_and_a_killed_one_forgotten(tmp_path):
    run = tmp_path / "new" / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, run],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BadInput) as caught, hold_run(run):
            pass
        assert f"process {process.pid} on {socket.gethostname()}" in str(caught.value)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert str(process.pid) in (run / NAME).read_text()  # stale, and yet
    with hold_run(run):
        assert str(os.getpid()) in (run / NAME).read_text()


def test_it_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with pytest.raises(RuntimeError), hold_run(tmp_path):
            raise RuntimeError
    assert (tmp_path / NAME).read_text() == ""


def test_junk_in_the_file_is_no_holder(tmp_path):
    (tmp_path / NAME).write_text("[1, junk")
    with hold_run(tmp_path), pytest.raises(BadInput, match="is in use by"), hold_run(tmp_path):
        pass


def test_no_directory_to_write_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"cannot write .*run.lock"), hold_run(tmp_path / "file"):
        pass
