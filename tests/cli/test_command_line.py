"""How a command fails: one line, a sensible exit code, no traceback unless it is our fault."""

import argparse
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from zoo import machine
from zoo.cli import command_line, evaluate, sample, train
from zoo.errors import BadInput


def code_of(error, capsys):
    def command(options):
        raise error

    code = command_line.run_command(command_line.make_parser("x", prog="toy.py"), command, [])
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BadInput("give less"), 2, "toy: give less\n"),
        (OSError(errno.ENOSPC, "No space left", "out/a.wav"), 2, "toy: out/a.wav: No space left\n"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), 2, "toy: a/b: Not a dir"),
        (FileExistsError(errno.EEXIST, "File exists", "a"), 2, "toy: a: File exists; a folder is"),
        (KeyboardInterrupt(), 130, "toy: interrupted\n"),
        (KeyboardInterrupt("stopped; it goes on"), 130, "toy: stopped; it goes on\n"),
    ],
)
def test_what_the_user_can_mend_is_one_line(error, code, line, capsys):
    given, told = code_of(error, capsys)
    assert given == code and told.startswith(line) and told.count("\n") == 1


def test_what_is_our_fault_keeps_its_traceback(capsys):
    for error in (ValueError("bug"), OSError(errno.EBADF, "Bad file descriptor")):
        with pytest.raises(type(error)):
            code_of(error, capsys)


def test_a_bucket_is_no_path_and_home_is_found():
    assert command_line.path_argument("~/runs/a") == Path.home() / "runs/a"
    with pytest.raises(argparse.ArgumentTypeError, match="gs://bucket/run is no path: mount it"):
        command_line.path_argument("gs://bucket/run")


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (command_line.above_zero, "0.5", ("0", "-1", "nan", "inf", "x")),
        (command_line.not_below_zero, "0", ("-0.1", "nan", "inf")),
        (command_line.positive_integer, "1", ("0", "-1", "1.5")),
        (command_line.integer_argument, "0", ("-1", "x")),
    ],
)
def test_numbers_out_of_range_are_refused(kind, right, wrong):
    assert kind(right) == float(right)
    for text in wrong:
        with pytest.raises((argparse.ArgumentTypeError, ValueError)):
            kind(text)


def test_compiled_programs_are_kept_apart_by_the_cores_they_were_split_for(monkeypatch, tmp_path):
    import jax

    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    places, former = set(), jax.config.jax_compilation_cache_dir
    try:
        for given in ({0}, {0, 3}):
            affinity = lambda pid, given=given: given  # noqa: E731
            monkeypatch.setattr(machine.os, "sched_getaffinity", affinity, raising=False)
            command_line.prepare_devices()
            places.add(jax.config.jax_compilation_cache_dir)
    finally:
        jax.config.update("jax_compilation_cache_dir", former)
    assert places == {str(tmp_path / f"waveform-zoo/jax/{n}_cores") for n in (1, 2)}


@pytest.mark.parametrize(("tasks", "seen"), [("1(x4)", "all"), ("2(x4)", "0")])
def test_one_process_on_a_slurm_host_takes_all_its_gpus(tasks, seen):
    """As the README has it; JAX by itself would take the first. Several processes share them."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    slurm = {
        "JOB_ID": "1",
        "STEP_NODELIST": "localhost",
        "NTASKS": "1",
        "PROCID": "0",
        "LOCALID": "0",
        "STEP_TASKS_PER_NODE": tasks,
    }
    slurm = {f"SLURM_{name}": value for name, value in slurm.items()}
    program = (
        "import jax; from zoo.cli.command_line import prepare_devices; prepare_devices(True);"
        "print('sees', jax.config.read('jax_cuda_visible_devices'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **slurm, "JAX_COORDINATOR_PORT": port},
    )
    assert done.returncode == 0, done.stderr
    assert f"sees {seen}" in done.stdout


@pytest.mark.parametrize("script", [train, evaluate, sample])
def test_options_may_all_be_left_out(script):
    """argparse gives defaults that are text to an option's type, which has to take them."""
    script.parser("x.py").parse_args([])
