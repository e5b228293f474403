"""The step on 8 simulated devices, sharded by batch and by parameters, equals the step on 1."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo import mesh as meshes

ROOT = Path(__file__).parent.parent

PROGRAM = """
import json, sys
from functools import partial
import flax.linen as nn, jax, jax.numpy as jnp, numpy as np, optax
from zoo import mesh as meshes
from zoo.objectives.supervised import Supervised
from zoo.training import loop, state

class Net(nn.Module):
    @nn.compact
    def __call__(self, x, *, train=False):
        x = nn.Conv(64, (3,), use_bias=False)(x)  # BatchNorm voids a bias; Adam would step by noise
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
        x = nn.Dropout(0.25, deterministic=not train)(x)
        x = nn.Conv(128, (9,))(x)
        return nn.Dense(4)(x.mean(1))

fsdp = int(sys.argv[1])
objective = Supervised(Net(), lambda y, t: jnp.mean((y - t) ** 2, -1), target="tags")
optimizers = {"model": optax.adam(1e-3)}
mesh = meshes.make_mesh(fsdp)
random = np.random.default_rng(0)
host = [{"audio": random.normal(size=(16, 50, 2)).astype("f"),
         "tags": random.normal(size=(16, 4)).astype("f")} for _ in range(3)]
build = partial(state.initial_state, objective, optimizers, 0.99, 0)
begun, shardings = state.init_sharded(mesh, build, meshes.global_batch(mesh, host[0]))
split = sum(not s.is_fully_replicated for s in jax.tree.leaves(shardings))
((_, run),) = loop.compile_turns(mesh, objective, optimizers, loop.Schedule(3), shardings)
losses = []
for batch in host:
    begun, metrics = run(begun, meshes.global_batch(mesh, batch), jnp.asarray(0))
    losses.append(float(metrics["loss"]))
leaves = [np.asarray(x, np.float64).ravel() for x in jax.tree.leaves(begun.variables)]
print(json.dumps({"losses": losses, "leaves": np.concatenate(leaves).tolist(),
                  "devices": mesh.size, "split": split}))
"""


def step_on(devices: int, fsdp: int) -> dict:
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(fsdp)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("fsdp", [1, 4])
def test_eight_devices_equal_one(fsdp):
    one, eight = step_on(1, 1), step_on(8, fsdp)
    assert eight["devices"] == 8 and (eight["split"] > 0) == (fsdp > 1)
    np.testing.assert_allclose(eight["losses"], one["losses"], atol=1e-5)
    np.testing.assert_allclose(eight["leaves"], one["leaves"], atol=1e-5)


def test_a_carry_of_any_batch_finds_a_place_on_any_number_of_devices():
    """A run of batch 8 can be sampled on three GPUs, where it could not have been trained."""
    carry = {"memory": jax.ShapeDtypeStruct((8, 4), jnp.float32)}
    for devices, split in ((1, True), (3, False), (4, True), (16, False)):
        mesh = jax.sharding.AbstractMesh((devices, 1), ("data", "fsdp"))
        sharding = meshes.state_shardings(mesh, carry)["memory"]
        sharding.shard_shape((8, 4))  # raises where the rows do not divide
        assert (sharding.spec == meshes.BATCH) == split


VOICES = """
import jax, jax.numpy as jnp, numpy as np
from zoo import mesh as meshes
from zoo.sampling import autoregressive
from zoo.sampling.rule import SamplerRule
from zoo.distributions import Categorical
from zoo.models.generation.samplernn import SampleRNN
from zoo.models.generation.wavenet import WaveNet

mesh = meshes.make_mesh(2)
random = np.random.default_rng(0)
for model in (
    WaveNet(layers=4, stacks=2, width=6, gate=5, skip=7, head=8, distribution=Categorical(16)),
    SampleRNN((4,), 1, 6, 3, distribution=Categorical(16, "linear")),
):
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 64, 1)))
    one = jax.tree.map(lambda s: jnp.asarray(random.normal(0, 0.5, s.shape), s.dtype), shapes)
    eight = jax.device_put(one, meshes.replicated(mesh))
    asked = dict(length=2500, count=8, engine="xla")
    audio = [
        np.concatenate(list(autoregressive.generate(model, variables, **asked)), 1)
        for variables in (one, eight)
    ]
    np.testing.assert_allclose(audio[1], audio[0], atol=1e-6)
    assert len(np.unique(audio[0])) > 10
    state = autoregressive.start_voices(model, eight, count=8)
    state = autoregressive.shard_voices(model, state, mesh)
    assert all(len(x.sharding.device_set) == 8 for x in jax.tree.leaves(state))
    assert state.voices.sharding.shard_shape((8,)) == (1,)
    folded, rule = autoregressive.fold(model, eight, {}), SamplerRule()
    block = autoregressive._draw_block.lower(model, folded, state, None, 1024, 1.0, rule).compile()
    words = block.as_text()
    assert not any(word in words for word in ("all-reduce", "all-gather", "collective-permute"))
assert autoregressive._draw_block._cache_size() == 4, "one compilation a model and a placement"
"""


def test_eight_devices_draw_the_voices_of_one_without_speaking():
    flags = "--xla_force_host_platform_device_count=8"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", VOICES], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
