"""Time of three taggers in JAX and in PyTorch, training steps and inference; prints JSON lines.

    python benchmarks/taggers.py [models=fcn,short_chunk,self_attention] [rounds=3] [steps=5]
        [threads=2] [keep=jax] [malloc=LIBRARY] [huge=0] [tiny=0]

At the size of Won et al. 2020, log-mel front end included, against nets written here in PyTorch's
own layers (torch_taggers.py): the authors' public modules are no package of pip. As
training_step.py: same weights and batch, each framework in a process of its own, in turns, the
median over the rounds of the median call; `gap` compares losses, or outputs. On a busy machine
only `cpu_ms` at threads=1 means anything: `cpu_ratio`.
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

Arrays = dict[str, np.ndarray]
Call = Callable[[], float]
KINDS = ("train", "infer")
BATCHES = {"fcn": 2, "short_chunk": 4, "self_attention": 1}
DEFAULTS = dict(models=",".join(BATCHES), **in_turns.COMPARED, huge=0, tiny=0, child="")


def ours(name: str, tiny: bool) -> Any:
    """A tagger of the zoo without dropout, whose draws no two frameworks share."""
    from zoo.models.classification.fcn import FCN
    from zoo.models.classification.self_attention import ResidualFront, SelfAttentionTagger
    from zoo.models.classification.short_chunk import ShortChunk

    if name == "fcn":
        return FCN(widths=(4,) * 5 if tiny else (64, 128, 128, 128, 64), dropout=0.0)
    if name == "short_chunk":
        return ShortChunk(width=4 if tiny else 128, dropout=0.0)
    still = dict(dropout=0.0, attention_dropout=0.0, top_dropout=0.0)
    return SelfAttentionTagger(front=ResidualFront(16 if tiny else 256), **still)


def theirs(name: str, tiny: bool) -> Any:
    import torch_taggers

    if name == "fcn":
        return torch_taggers.FCN((4,) * 5 if tiny else (64, 128, 128, 128, 64))
    if name == "short_chunk":
        return torch_taggers.ShortChunk(4 if tiny else 128)
    return torch_taggers.SelfAttention(16 if tiny else 256)


def prepare(name: str, tiny: bool) -> Arrays:
    """Random weights by path, audio 'x' and tags 'target'."""
    import flax.traverse_util as tree
    import jax

    rng, model = np.random.default_rng(0), ours(name, tiny)
    x = rng.uniform(-0.5, 0.5, (BATCHES[name], model.samples, 1)).astype(np.float32)
    arrays = {"x": x, "target": (rng.uniform(size=(len(x), model.labels)) < 0.1).astype(np.float32)}
    variables = jax.eval_shape(model.init, jax.random.key(0), x)
    for path, leaf in tree.flatten_dict(variables, sep="/").items():
        fan = np.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 0
        value = rng.standard_normal(leaf.shape) / np.sqrt(fan) if fan else np.zeros(leaf.shape)
        ones = path.endswith(("/scale", "/var"))
        arrays[path] = (np.ones(leaf.shape) if ones else value).astype(np.float32)
    return arrays


def weights(arrays: Arrays) -> Arrays:
    return {path: array for path, array in arrays.items() if "/" in path}


def jax_calls(name: str, tiny: bool, arrays: Arrays) -> dict[str, Call]:
    """By kind: a step, which returns the loss before it, or inference, the mean of |logits|."""
    import flax.traverse_util as tree
    import jax
    import jax.numpy as jnp
    import optax

    model = ours(name, tiny)
    variables = jax.tree.map(jnp.asarray, tree.unflatten_dict(weights(arrays), sep="/"))
    params, stats = variables["params"], {"batch_stats": variables["batch_stats"]}
    x, target = jnp.asarray(arrays["x"]), jnp.asarray(arrays["target"])
    optimiser = optax.adam(1e-4)
    apply = jax.jit(model.apply)
    still = jax.tree.map(jnp.copy, variables)

    def update(params, stats, state):
        def loss(params):
            y, new = model.apply({"params": params, **stats}, x, train=True, mutable="batch_stats")
            return optax.sigmoid_binary_cross_entropy(y, target).mean(), new

        (value, stats), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, state = optimiser.update(grads, state)
        return optax.apply_updates(params, updates), stats, state, value

    update = jax.jit(update, donate_argnums=(0, 1, 2))
    carry = [params, stats, optimiser.init(params)]

    def step() -> float:
        *carry[:], value = update(*carry)
        return float(jax.block_until_ready((carry, value))[1])

    return {"train": step, "infer": lambda: float(np.abs(np.asarray(apply(still, x))).mean())}


def torch_calls(name: str, tiny: bool, arrays: Arrays) -> dict[str, Call]:
    """As `jax_calls`."""
    import torch
    import torch_taggers

    still, net = (torch_taggers.load(theirs(name, tiny), weights(arrays)) for _ in range(2))
    still.eval()
    x, target = torch.tensor(arrays["x"][..., 0]), torch.tensor(arrays["target"])
    optimiser = torch.optim.Adam(net.parameters(), 1e-4, fused=True)

    def step() -> float:
        optimiser.zero_grad(set_to_none=True)
        value = torch.nn.functional.binary_cross_entropy_with_logits(net(x), target)
        value.backward()
        optimiser.step()
        return float(value.detach())

    def infer() -> float:
        with torch.inference_mode():
            return float(still(x).abs().mean())

    return {"train": step, "infer": infer}


def child(options: Options) -> None:
    """By kind the values, and wall and CPU milliseconds of each call after two, on a last line."""
    framework, name, path = options["child"].split(",", 2)
    in_turns.begin(framework, options)
    arrays = dict(np.load(path))
    if framework == "torch":
        import torch

        torch.set_num_threads(options["threads"])
    calls = (jax_calls if framework == "jax" else torch_calls)(name, bool(options["tiny"]), arrays)
    found = {}
    for kind, call in calls.items():
        first = [call(), call()]
        times = in_turns.timed(call, options["steps"])
        found[kind] = {**times, "values": first + times["values"]}
    print(json.dumps(found))


def compare(name: str, options: Options) -> list[dict[str, Any]]:
    """Both frameworks in turns -> one record of training and one of inference."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "arrays.npz")
        arrays = prepare(name, bool(options["tiny"]))
        np.savez(path, **arrays)
        answers = in_turns.answers(__file__, f"{name},{path}", options)
    return [line(name, kind, list(arrays["x"].shape), answers, options) for kind in KINDS]


def line(
    name: str, kind: str, shape: list[int], answers: in_turns.Answers, options: Options
) -> dict[str, Any]:
    one, other = (answers[f][-1][kind]["values"][:3] for f in ("jax", "torch"))
    gap = max(abs(a - b) / abs(b) for a, b in zip(one, other))
    times = in_turns.compared(answers, options, kind)
    ratio = round(times["cpu_ms"]["jax"] / times["cpu_ms"]["torch"], 3)
    about = {"model": name, "kind": kind, "input": shape, "cpu_ratio": ratio}
    return {**about, **times, "gap": float(f"{gap:.1e}")}


def main(arguments: list[str]) -> None:
    options = in_turns.parsed(arguments, DEFAULTS)
    if options["child"]:
        return child(options)
    for name in options["models"].split(","):
        for record in compare(name, options):
            print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
