"""SIGTERM undoes what is half done, a child goes with its parent, too much is one line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.cli import command_line

ROOT = Path(__file__).parents[2]
WRITES = """
import sys, time
from pathlib import Path
from zoo.cli import command_line
from zoo import writing

def write(options):
    with writing.write_folder(Path(sys.argv[1]), lambda: None) as part:
        (part / "half").write_text("half")
        print("writes", flush=True)
        time.sleep(60)

sys.exit(command_line.run_command(command_line.make_parser("x", prog="toy.py"), write, []))
"""
MEASURES = """
import sys
from pathlib import Path
from zoo.report import measure
measure.run_script(Path(sys.argv[1]), "child.py", sys.argv[2])
"""


def start(code, *words):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_a_command_that_is_terminated_leaves_nothing_half_done(tmp_path):
    process = start(WRITES, tmp_path / "out" / "song")
    assert process.stdout.readline() == "writes\n"
    process.terminate()
    _, told = process.communicate(timeout=20)
    assert process.returncode == 143 and told == "toy: terminated\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_measuring_leaves_no_child_behind(number, tmp_path):
    (tmp_path / "child.py").write_text(WRITES.replace('"writes"', "__import__('os').getpid()"))
    process = start(MEASURES, tmp_path, tmp_path / "out" / "song")
    child = int(process.stdout.readline())
    process.send_signal(number)
    process.wait(timeout=20)
    until = time.monotonic() + 20
    while alive(child) and time.monotonic() < until:
        time.sleep(0.05)
    process.communicate()
    assert not alive(child)
    assert not (tmp_path / "out").exists()  # it ended in order


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def deep(n=0):
    return deep(n + 1)


def vast():
    return np.zeros((10**7, 10**7))


def exhausted():
    return jax.jit(lambda: jnp.zeros((2**30, 2**20)))().block_until_ready()


@pytest.mark.parametrize(
    ("act", "line"),
    [(deep, "too deep to be built"), (vast, "out of memory: Unable to"), (exhausted, "RESOURCE_")],
)
def test_what_asks_too_much_is_one_line(act, line, capsys):
    code = command_line.run_command(
        command_line.make_parser("x", prog="toy.py"), lambda _: act(), []
    )
    told = capsys.readouterr().err
    assert code == 2 and line in told and told.count("\n") == 1
