"""Checkpoints on several devices and processes; run as a program, this file is one of those."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from zoo.checkpoints.checksums import array_sha256
from zoo.checkpoints.store import Checkpoints
from zoo.errors import BadInput
from zoo.training.interruption import handle_signals

ROOT = Path(__file__).parents[2]
BOTH = PartitionSpec("data", "fsdp")


def host_state(step):
    noise = np.random.default_rng(step).normal(size=[16, 24]).astype(np.float32)
    return {"noise": noise, "bias": np.full([5], step, np.float32), "step": np.int32(step)}


def shardings(spec=BOTH, devices=None):
    devices = np.array(devices or jax.devices())
    mesh = Mesh(devices.reshape(2 if devices.size % 2 == 0 else 1, -1), ("data", "fsdp"))
    whole = NamedSharding(mesh, PartitionSpec())
    return {"noise": NamedSharding(mesh, spec), "bias": whole, "step": whole}


def place(state, where):
    return jax.tree.map(
        lambda value, sharding: jax.make_array_from_callback(
            np.shape(value), sharding, lambda index: np.asarray(value)[index]
        ),
        state,
        where,
    )


def target(where):
    return jax.tree.map(
        lambda value, sharding: jax.ShapeDtypeStruct(
            np.shape(value), value.dtype, sharding=sharding
        ),
        host_state(0),
        where,
    )


def assert_exact(restored, step):
    for name, expected in host_state(step).items():
        for shard in restored[name].addressable_shards:
            np.testing.assert_array_equal(np.asarray(shard.data), expected[shard.index])


def start(role, *arguments, devices):
    environment = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [sys.executable, __file__, role, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes):
    outputs = []
    try:
        outputs = [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    codes = [process.returncode for process in processes]
    assert not any(codes), "\n\n".join(f"{code}\n{text}" for code, text in zip(codes, outputs))
    return outputs


@pytest.mark.multiprocess
def test_eight_devices_to_one_and_back(tmp_path):
    finish(start("save", tmp_path, devices=8))
    with Checkpoints(tmp_path) as checkpoints:
        one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
        step, restored, meta = checkpoints.restore(target(dict.fromkeys(host_state(0), one)))
        assert step == 1
        assert_exact(restored, 1)
        pieces = meta["checkpoint"]["arrays"]["noise"]["pieces"]
        assert len(pieces) == 8
        assert pieces["8:16,18:24"] == array_sha256(host_state(1)["noise"][8:, 18:])
        checkpoints.save(2, jax.device_put(host_state(2), one), {})
        checkpoints.wait()
    finish(start("load", tmp_path, devices=8))


@pytest.mark.multiprocess
def test_two_processes_save_restore_and_stop_together(tmp_path):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    outputs = finish(*(start("pair", tmp_path, port, number, devices=2) for number in range(2)))
    stopped = [line for output in outputs for line in output.splitlines() if "stopped" in line]
    assert len(stopped) == 2 and stopped[0] == stopped[1]
    step = int(stopped[0].split()[-1])
    reader = Checkpoints(tmp_path / "stop", read_only=True)
    one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    at, restored, _ = reader.restore(target(dict.fromkeys(host_state(0), one)))
    assert at == step
    assert_exact(restored, step)


def run_save(directory):
    """8 devices: saves step 1 in eight pieces."""
    with Checkpoints(directory) as checkpoints:
        checkpoints.save(1, place(host_state(1), shardings()), {})
        checkpoints.wait()


def run_load(directory):
    """8 devices: reads what one device saved; 3 devices are refused in words."""
    with Checkpoints(directory) as checkpoints:
        step, restored, _ = checkpoints.restore(target(shardings()))
        assert step == 2
        assert_exact(restored, 2)
        assert len({str(shard.index) for shard in restored["noise"].addressable_shards}) == 8
        three = shardings(PartitionSpec("fsdp"), jax.devices()[:3])
        with pytest.raises(BadInput, match=r"noise \[16, 24\] cannot be divided .*'fsdp': 3"):
            checkpoints.restore(target(three))
        assert checkpoints.steps() == [1, 2]


def run_pair(directory, port, number):
    """One of two processes with two devices each."""
    jax.distributed.initialize(f"localhost:{port}", 2, int(number), heartbeat_timeout_seconds=10)
    assert jax.device_count() == 4
    directory, number = Path(directory), int(number)
    saves_and_restores(directory / "run", number)
    stops_together(directory / "stop", number)


def saves_and_restores(directory, number):
    from jax.experimental.multihost_utils import sync_global_devices

    rows, columns = shardings(), shardings(PartitionSpec(None, ("fsdp", "data")))
    with Checkpoints(directory, keep=4) as checkpoints:
        for step in (1, 2, 3, 4):
            checkpoints.save(step, place(host_state(step), rows), {})
        checkpoints.wait()
        pieces = checkpoints.read_meta()[1]["checkpoint"]["arrays"]["noise"]["pieces"]
        assert len(pieces) == 4  # both processes' shards
        for where in (rows, columns):  # as it was saved, and so that no process holds a piece
            step, restored, _ = checkpoints.restore(target(where))
            assert step == 4
            assert_exact(restored, 4)
        if number == 0:
            damage(directory)
        sync_global_devices("damaged")
        step, restored, _ = checkpoints.restore(target(columns))
        assert step == 1, step
        assert_exact(restored, 1)
        assert checkpoints.save(2, place(host_state(2), rows), {})
        checkpoints.wait()
        assert checkpoints.steps() == [1, 2]


def damage(directory):
    """Flips a bit in step 4, takes one process's arrays from step 3 and the meta from step 2."""
    files = [path for path in (directory / "4" / "state").rglob("*") if path.is_file()]
    data = max(files, key=lambda path: path.stat().st_size)
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(bytes(content))
    for path in (directory / "3" / "state").rglob("d/*"):
        path.write_bytes(b"")
    (directory / "2" / "meta" / "meta.json").unlink()


def stops_together(directory, number):
    """Process 1, the slower one, gets SIGUSR1; both save the same step and stop."""
    with Checkpoints(directory, every=1000) as checkpoints, handle_signals() as interrupted:
        for step in range(1, 1000):
            time.sleep(0.01 * (1 + number))
            state = place(host_state(step), shardings())
            jax.block_until_ready(jnp.sum(state["noise"]))
            if number == 1 and step == 5:
                os.kill(os.getpid(), signal.SIGUSR1)
            checkpoints.save(step, state, {})
            if interrupted(step):
                checkpoints.wait()
                print("stopped at", step)
                return
        raise AssertionError("the signal was not caught")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    try:
        {"save": run_save, "load": run_load, "pair": run_pair}[sys.argv[1]](*sys.argv[2:])
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # an orderly end would wait minutes for the other process
