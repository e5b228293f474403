"""Time of one training step (loss, gradients, Adam) in JAX and in PyTorch; prints JSON lines.

    python benchmarks/training_step.py [models=samplecnn,wave_unet,wavenet] [rounds=3] [steps=8]
        [threads=2] [keep=jax] [malloc=LIBRARY] [huge=0] [tiny=0]

Both frameworks start from the same weights and batch, each in a process of its own, in turns; a
figure is the median over the rounds of the median step. `loss_gap` compares the losses of the
first steps. huge=1 sets the allocator to huge pages for both, which changes the picture: state it.
Run on a quiet machine; on a busy one only `cpu_ms` at threads=1 means anything.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import in_turns
import numpy as np
from in_turns import Options

Arrays = dict[str, np.ndarray]
DEFAULTS = dict(
    models="samplecnn,wave_unet,wavenet",
    **(in_turns.COMPARED | {"steps": 8}),
    huge=0,
    tiny=0,
    child="",
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


def child(framework: str, name: str, path: str, options: Options) -> None:
    """Prints losses, and wall and CPU milliseconds of each step after two, on the last line."""
    in_turns.begin(framework, options)
    arrays = dict(np.load(path))
    case = CASES[name](bool(options["tiny"]))
    if framework == "torch":
        import torch

        torch.set_num_threads(options["threads"])
    step = (jax_step if framework == "jax" else torch_step)(case, name, arrays)
    first = [step(), step()]
    times = in_turns.timed(step, options["steps"])
    print(json.dumps({**times, "values": first + times["values"]}))


def compare(name: str, options: Options) -> dict[str, Any]:
    """Both frameworks in turns -> one record."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "arrays.npz")
        np.savez(path, **prepare(CASES[name](bool(options["tiny"])), name))
        answers = in_turns.answers(__file__, f"{name},{path}", options)
    ours, theirs = (answers[f][-1]["values"][:3] for f in ("jax", "torch"))
    gap = max(abs(a - b) / abs(b) for a, b in zip(ours, theirs))
    return {"model": name, **in_turns.compared(answers, options), "loss_gap": float(f"{gap:.1e}")}


def main(arguments: list[str]) -> None:
    options = in_turns.parsed(arguments, DEFAULTS)
    if options["child"]:
        framework, name, path = options["child"].split(",", 2)
        return child(framework, name, path, options)
    for name in options["models"].split(","):
        print(json.dumps(compare(name, options)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
