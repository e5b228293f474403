"""What libraries would write by themselves about damage and full disks is silenced, ours is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
BEGIN = """
import gc, resource, signal, sys
import jax
from pathlib import Path
from zoo.checkpoints.store import Checkpoints, SaveFailed
from zoo.errors import BadInput
state = {name: jax.random.normal(jax.random.key(n), [20_000]) for n, name in enumerate("abc")}
run = Path(sys.argv[1])
"""
DAMAGED = """
with Checkpoints(run) as checkpoints:
    checkpoints.save(1, state, {})
    checkpoints.wait()
largest = max((run / "1" / "state").rglob("*"), key=lambda path: path.stat().st_size)
data = largest.read_bytes()
for spoilt in (data[:100], b"", bytes(len(data)), None):
    largest.write_bytes(spoilt) if spoilt is not None else largest.unlink()
    try:
        Checkpoints(run, read_only=True).restore(state)
    except BadInput as error:
        print(error)
gc.collect()
"""
FULL = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Checkpoints(run) as checkpoints:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    for step in (1, 2, 3):
        checkpoints.save(step, state, {})
    try:
        checkpoints.wait()
    except SaveFailed as error:
        print(error)
gc.collect()
"""
UNAWAITED = """
class Arrays:
    def async_serialize_from_host(self):
        async def write_fragment(): ...
        return write_fragment()

    async def deserialize(self): ...

    async def users_own(self): ...

with Checkpoints(run): ...
for name in ("async_serialize_from_host", "deserialize", "users_own"):
    getattr(Arrays(), name)()
gc.collect()
"""


@pytest.mark.fault
def test_of_coroutines_that_nobody_awaited_only_a_user_s_own_are_told(tmp_path):
    done = _run(UNAWAITED, tmp_path)
    assert done.stderr.count("never awaited") == 1 and "users_own" in done.stderr, done.stderr


@pytest.mark.fault
@pytest.mark.parametrize(("program", "lines"), [(DAMAGED, 4), (FULL, 1)], ids=["damaged", "full"])
def test_a_process_says_one_line_of_each_fault(program, lines, tmp_path):
    done = _run(program, tmp_path)
    assert done.stdout.count("\n") == lines, done.stdout
    for word in ("TensorStore", "Traceback", "{", "Event loop", "never", "zarr", "OCDBT"):
        assert word not in done.stdout + done.stderr, done.stderr
    for line in done.stderr.splitlines():  # a warning beside each error, of the same words
        assert "checkpoint" in line


def _run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program, str(folder / "run")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr
    return done
