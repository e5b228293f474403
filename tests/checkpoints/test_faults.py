"""Death at a named point of a save leaves the checkpoints that were finished."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from zoo.checkpoints.store import Checkpoints

ROOT = Path(__file__).parents[2]
SAVE_FOUR = """
import sys
import jax.numpy as jnp
from zoo.checkpoints.store import Checkpoints
with Checkpoints(sys.argv[1]) as checkpoints:
    for step in range(1, 5):
        checkpoints.save(step, {"x": jnp.full([3], step)}, {})
        checkpoints.wait()
"""


@pytest.mark.fault
@pytest.mark.parametrize(
    "fault, allowed",
    [("save:4", [3]), ("writing:4", [3, 4]), ("seal:4", [3]), ("commit:4", [3])],
)
def test_death_at_a_point(tmp_path, fault, allowed):
    command = [sys.executable, "-c", SAVE_FOUR, tmp_path]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "ZOO_FAULT": fault}
    code = subprocess.run(command, env=environment, capture_output=True).returncode
    assert code == 137
    if fault == "commit:4":  # all was written, and nothing older deleted yet
        assert Checkpoints(tmp_path, read_only=True).steps() == [2, 3]
        assert list(tmp_path.glob("4.orbax*/state"))
    with Checkpoints(tmp_path) as checkpoints:
        one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
        target = {"x": jax.ShapeDtypeStruct([3], jnp.int32, sharding=one)}
        step, state, _ = checkpoints.restore(target)
        assert step in allowed
        assert state["x"].tolist() == [step] * 3
        assert checkpoints.save(9, state, {})
        checkpoints.wait()
        assert not list(tmp_path.glob("*tmp*"))
        assert checkpoints.steps()[-1] == 9 and len(checkpoints.steps()) == 2
