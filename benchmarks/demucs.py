"""Time of Demucs in JAX and in PyTorch, training steps and inference; prints JSON lines.

    python benchmarks/demucs.py [tasks=train,infer] [variants=v1,v2] [width=32] [depth=6]
        [samples=44100] [batch=1] [rounds=3] [steps=8] [threads=2] [huge=0]

As training_step.py: same weights and batch, each framework in a process of its own, in turns, the
median over the rounds of the median step; `gap` compares losses, or outputs. Widths of the papers
(100, 64) need some 10 GB for a training step. Run on a quiet machine.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import in_turns
import numpy as np
from in_turns import Options

DEFAULTS = dict(
    tasks="train,infer",
    variants="v1,v2",
    width=32,
    depth=6,
    samples=44_100,
    batch=1,
    rounds=3,
    steps=8,
    threads=2,
    huge=0,
    child="",
)
FIELDS: dict[str, dict[str, Any]] = {"v1": {}, "v2": {"resample": True}}
Step = Callable[[], float]


def ours(variant: str, options: Options) -> Any:
    from zoo.models.separation.demucs import Demucs

    return Demucs(width=options["width"], depth=options["depth"], **FIELDS[variant])


def prepare(variant: str, options: Options, folder: Path) -> None:
    """PyTorch's initial weights as its file, input and target as npz."""
    import torch
    from torch_demucs import Demucs

    torch.manual_seed(0)
    net = Demucs(width=options["width"], depth=options["depth"], **FIELDS[variant])
    torch.save(net.state_dict(), folder / "weights.th")
    model, rng = ours(variant, options), np.random.default_rng(0)
    length = model.input_length(options["samples"])
    shape = (options["batch"], model.output_length(length), 4, 2)
    x = rng.uniform(-0.5, 0.5, (options["batch"], length, 2)).astype(np.float32)
    np.savez(folder / "batch.npz", x=x, target=rng.uniform(-0.2, 0.2, shape).astype(np.float32))


def jax_step(task: str, variant: str, options: Options, folder: Path) -> Step:
    """One call is one step; it returns the loss before it, or the mean of |output|."""
    import flax.traverse_util as tree
    import jax
    import jax.numpy as jnp
    import optax

    from zoo.pretrained import rules, torch_file
    from zoo.pretrained.demucs import demucs_rules

    model = ours(variant, options)
    batch = np.load(folder / "batch.npz")
    x, target = jnp.asarray(batch["x"]), jnp.asarray(batch["target"])
    wanted = tree.flatten_dict(jax.eval_shape(model.init, jax.random.key(0), x), sep="/")
    foreign = torch_file.read_torch([folder / "weights.th"])
    leaves = rules.apply_rules(demucs_rules(options["depth"]), foreign, wanted)
    variables = jax.tree.map(jnp.asarray, tree.unflatten_dict(leaves, sep="/"))
    if task == "infer":
        apply = jax.jit(model.apply)
        return lambda: float(np.abs(jax.block_until_ready(apply(variables, x))).mean())
    optimiser = optax.adam(3e-4)

    def update(variables, state):
        def loss(variables):
            return jnp.mean(jnp.abs(model.apply(variables, x, train=True) - target))

        value, grads = jax.value_and_grad(loss)(variables)
        updates, state = optimiser.update(grads, state)
        return optax.apply_updates(variables, updates), state, value

    update = jax.jit(update, donate_argnums=(0, 1))
    carry = [variables, optimiser.init(variables)]

    def step() -> float:
        *carry[:], value = update(*carry)
        return float(jax.block_until_ready((carry, value))[1])

    return step


def torch_step(task: str, variant: str, options: Options, folder: Path) -> Step:
    """One call is one step; it returns the loss before it, or the mean of |output|."""
    import torch
    from torch_demucs import Demucs

    torch.set_num_threads(options["threads"])
    net = Demucs(width=options["width"], depth=options["depth"], **FIELDS[variant])
    net.load_state_dict(torch.load(folder / "weights.th"))
    batch = np.load(folder / "batch.npz")
    x = torch.tensor(batch["x"]).mT.contiguous()
    target = torch.tensor(batch["target"]).permute(0, 2, 3, 1).contiguous()
    if task == "infer":

        def infer() -> float:
            with torch.inference_mode():
                return float(net(x).abs().mean())

        return infer
    optimiser = torch.optim.Adam(net.parameters(), 3e-4, fused=True)

    def step() -> float:
        optimiser.zero_grad(set_to_none=True)
        value = torch.nn.functional.l1_loss(net(x), target)
        value.backward()
        optimiser.step()
        return float(value.detach())

    return step


def child(options: Options) -> None:
    """Prints values, and wall and CPU milliseconds of each step after two, on the last line."""
    framework, task, variant, folder = options["child"].split(",", 3)
    in_turns.pin(options["threads"])
    make = jax_step if framework == "jax" else torch_step
    step = make(task, variant, options, Path(folder))
    first = [step(), step()]
    times = in_turns.timed(step, options["steps"])
    print(json.dumps({**times, "values": first + times["values"]}))


def compare(task: str, variant: str, options: Options) -> dict[str, Any]:
    """Both frameworks in turns -> one record."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(variant, options, Path(folder))
        answers = in_turns.answers(__file__, f"{task},{variant},{folder}", options)
    one, other = (answers[f][-1]["values"][:3] for f in ("jax", "torch"))
    gap = max(abs(a - b) / abs(b) for a, b in zip(one, other))
    return {
        "model": f"demucs {variant}, width {options['width']}, depth {options['depth']}",
        "task": task,
        "input": [options["batch"], ours(variant, options).input_length(options["samples"]), 2],
        **in_turns.compared(answers, options),
        "gap": float(f"{gap:.1e}"),
    }


def main(arguments: list[str]) -> None:
    options = in_turns.parsed(arguments, DEFAULTS)
    if options["child"]:
        return child(options)
    for task in options["tasks"].split(","):
        for variant in options["variants"].split(","):
            print(json.dumps(compare(task, variant, options)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
