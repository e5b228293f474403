"""Time of one training step (loss, gradients, Adam) in JAX and in PyTorch; prints JSON lines.

    python benchmarks/training_step.py [models=samplecnn,wave_unet,wavenet] [rounds=3] [steps=8]
        [threads=2] [huge=0] [tiny=0]

Both frameworks start from the same weights and batch, each in a process of its own, in turns; a
figure is the median over the rounds of the median step. `loss_gap` compares the losses of the
first steps. huge=1 sets the allocator to huge pages for both, which changes the picture: state it.
Run on a quiet machine; on a busy one only `cpu_ms` at threads=1 means anything.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
HUGE = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
DEFAULTS = dict(
    models="samplecnn,wave_unet,wavenet", rounds=3, steps=8, threads=2, huge=0, tiny=0, child=""
)


@dataclass(frozen=True)
class Case:
    """A model of the zoo, its input [B T C], the shape of its target, and the torch net's sizes."""

    model: Any
    shape: tuple[int, int, int]
    target: tuple[int, ...]
    sizes: dict[str, Any] = field(default_factory=dict)


def samplecnn(tiny: bool) -> Case:
    """SampleCNN 3^9 on 8 segments of 59,049 samples."""
    from zoo.models.classification.samplecnn import SampleCNN

    model = SampleCNN(depth=2 if tiny else 9, dropout=0.0)
    sizes = dict(m=3, depth=model.depth, stem=3, mean=model.mean, std=model.std)
    return Case(model, (8, model.samples, 1), (8, model.labels), sizes)


def wave_unet(tiny: bool) -> Case:
    """Wave-U-Net M1 on 2 segments of 16,384 samples."""
    from zoo.models.separation.wave_unet import WaveUNet

    model = WaveUNet(levels=3 if tiny else 12)
    length = 64 if tiny else 16_384
    return Case(model, (2, length, 1), (2, length, 2, 1), dict(levels=model.levels))


def wavenet(tiny: bool) -> Case:
    """WaveNet of 30 layers of 64 channels on 8,000 samples."""
    from zoo.models.generation.wavenet import WaveNet

    layers = 6 if tiny else 30
    model = WaveNet(layers, stacks=3, width=64, gate=64, skip=64, head=256)
    length = 64 if tiny else 8_000
    return Case(model, (1, length, 1), (1, length), dict(layers=layers, stacks=3))


CASES = {"samplecnn": samplecnn, "wave_unet": wave_unet, "wavenet": wavenet}


def prepare(case: Case, name: str) -> Arrays:
    """Random weights by path, input 'x' and 'target', drawn with NumPy."""
    import flax.traverse_util as tree
    import jax

    rng = np.random.default_rng(0)
    x = rng.uniform(-0.5, 0.5, case.shape).astype(np.float32)
    variables = jax.eval_shape(case.model.init, jax.random.key(0), x)
    arrays = {"x": x}
    for path, leaf in tree.flatten_dict(variables, sep="/").items():
        fan = np.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 0
        value = rng.standard_normal(leaf.shape) / np.sqrt(fan) if fan else np.zeros(leaf.shape)
        ones = path.endswith(("/scale", "/var"))
        arrays[path] = (np.ones(leaf.shape) if ones else value).astype(np.float32)
    if name == "wavenet":
        codes = np.asarray(case.model.distribution.encode(np.pad(x, ((0, 0), (1, 0), (0, 0)))))
        arrays |= {"late": codes[:, :-1, 0], "target": codes[:, 1:, 0]}
    else:
        arrays["target"] = (rng.uniform(size=case.target) < 0.1).astype(np.float32)
    return arrays


def jax_step(case: Case, name: str, arrays: Arrays) -> Callable[[], float]:
    """One call is one step; it returns the loss before it."""
    import flax.traverse_util as tree
    import jax
    import jax.numpy as jnp
    import optax

    paths = {k: v for k, v in arrays.items() if k.startswith(("params/", "batch_stats/"))}
    variables = jax.tree.map(jnp.asarray, tree.unflatten_dict(paths, sep="/"))
    params, stats = variables.pop("params"), variables
    x, target = jnp.asarray(arrays["x"]), jnp.asarray(arrays["target"])
    optimiser = optax.adam(1e-4)

    def loss(params, stats):
        y, stats = case.model.apply(
            {"params": params, **stats}, x, train=True, mutable=["batch_stats"]
        )
        if name == "wave_unet":
            return jnp.mean((y - target) ** 2), stats
        if name == "samplecnn":
            return optax.sigmoid_binary_cross_entropy(y, target).mean(), stats
        return optax.softmax_cross_entropy_with_integer_labels(y, target).mean(), stats

    def update(params, stats, state):
        (value, stats), grads = jax.value_and_grad(loss, has_aux=True)(params, stats)
        updates, state = optimiser.update(grads, state)
        return optax.apply_updates(params, updates), stats, state, value

    update = jax.jit(update, donate_argnums=(0, 1, 2))
    carry = [params, stats, optimiser.init(params)]

    def step() -> float:
        *carry[:], value = update(*carry)
        return float(jax.block_until_ready((carry, value))[1])

    return step


def torch_step(case: Case, name: str, arrays: Arrays) -> Callable[[], float]:
    """One call is one step; it returns the loss before it."""
    import torch
    import torch_nets
    from torch.nn import functional as F

    params = {k[7:]: v for k, v in arrays.items() if k.startswith("params/")}
    weights = torch_nets.to_torch(params)
    x = torch.tensor(np.ascontiguousarray(arrays["x"].swapaxes(1, 2)))
    target = torch.tensor(arrays["target"])
    if name == "wave_unet":
        target = target.permute(0, 2, 3, 1).contiguous()
    if name == "wavenet":
        x, target = torch.tensor(arrays["late"]).long(), target.long()
    optimiser = torch.optim.Adam(weights.values(), 1e-4, fused=True)
    losses = dict(
        samplecnn=F.binary_cross_entropy_with_logits, wave_unet=F.mse_loss, wavenet=F.cross_entropy
    )

    def step() -> float:
        optimiser.zero_grad(set_to_none=True)
        value = losses[name](getattr(torch_nets, name)(weights, x, **case.sizes), target)
        value.backward()
        optimiser.step()
        return float(value.detach())

    return step


def child(framework: str, name: str, path: str, options: dict[str, Any]) -> None:
    """Prints losses, and wall and CPU milliseconds of each step after two, on the last line."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options["threads"]])
    arrays = dict(np.load(path))
    case = CASES[name](bool(options["tiny"]))
    if framework == "torch":
        import torch

        torch.set_num_threads(options["threads"])
    step = (jax_step if framework == "jax" else torch_step)(case, name, arrays)
    losses, times, busy = [step(), step()], [], []
    for _ in range(options["steps"]):
        began, worked = time.perf_counter(), time.process_time()
        losses.append(step())
        times.append(1e3 * (time.perf_counter() - began))
        busy.append(1e3 * (time.process_time() - worked))
    print(json.dumps({"losses": losses, "ms": times, "cpu_ms": busy}))


def compare(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Both frameworks in turns -> one record."""
    environment = os.environ | (HUGE if options["huge"] else {})
    times: dict[str, list[float]] = {"jax": [], "torch": []}
    busy: dict[str, list[float]] = {"jax": [], "torch": []}
    losses: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "arrays.npz")
        np.savez(path, **prepare(CASES[name](bool(options["tiny"])), name))
        shared = [f"{key}={options[key]}" for key in ("steps", "threads", "tiny")]
        for _ in range(options["rounds"]):
            for framework in times:
                command = [sys.executable, __file__, f"child={framework},{name},{path}", *shared]
                done = subprocess.run(
                    command,
                    env=environment,
                    check=True,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                answer = json.loads(done.stdout.splitlines()[-1])
                times[framework].append(statistics.median(answer["ms"]))
                busy[framework].append(statistics.median(answer["cpu_ms"]))
                losses[framework] = answer["losses"]
    ours, theirs = (statistics.median(times[f]) for f in ("jax", "torch"))
    gap = max(abs(a - b) / abs(b) for a, b in zip(losses["jax"][:3], losses["torch"][:3]))
    return {
        "model": name,
        "jax_ms": round(ours, 1),
        "torch_ms": round(theirs, 1),
        "ratio": round(ours / theirs, 3),
        "cpu_ms": {k: round(statistics.median(v), 1) for k, v in busy.items()},
        "rounds": {k: [round(t, 1) for t in v] for k, v in times.items()},
        "loss_gap": float(f"{gap:.1e}"),
        "threads": options["threads"],
        "machine": machine(),
        "allocator": {k: environment[k] for k in HUGE if k in environment},
    }


def machine() -> str:
    """Processor, cores, load and versions."""
    from importlib.metadata import version

    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor()
    packages = ", ".join(f"{name} {version(name)}" for name in ("jax", "torch"))
    load = os.getloadavg()[0]
    return f"{processor}, {os.cpu_count()} cores, load {load:.1f}, {platform.system()}, {packages}"


def main(arguments: list[str]) -> None:
    options = dict(DEFAULTS)
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key not in options:
            sys.exit(f"'{argument}' is unknown; use {', '.join(DEFAULTS)}, as key=value")
        options[key] = type(DEFAULTS[key])(value)
    if options["child"]:
        framework, name, path = options["child"].split(",", 2)
        return child(framework, name, path, options)
    for name in options["models"].split(","):
        print(json.dumps(compare(name, options)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
