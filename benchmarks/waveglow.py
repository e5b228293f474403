"""Time of WaveGlow in JAX and in PyTorch: a training step, and vocoding; prints JSON lines.

    python benchmarks/waveglow.py [rounds=3] [steps=5] [threads=2] [huge=0]
        [flows=4] [layers=8] [width=128] [samples=16000] [batch=1]

Both frameworks have the same weights, clip and noise, each in a process of its own, in turns; a
figure is the median over the rounds of the median call. `gap` compares the losses of the first
steps, and the vocoded audio. huge=1 sets the allocator to huge pages for both. Run on a quiet
machine; on a busy one only `cpu_ms` at threads=1 means anything.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import in_turns
import numpy as np
from in_turns import Options

DEFAULTS = dict(
    rounds=3,
    steps=5,
    threads=2,
    huge=0,
    flows=4,
    layers=8,
    width=128,
    samples=16_000,
    batch=1,
    child="",
)
Calls = tuple[Callable[[], float], Callable[[], np.ndarray]]


def prepare(options: Options, folder: Path) -> None:
    """Weights in PyTorch's own file, a clip, its features and noise."""
    import torch
    from torch_waveglow import WaveGlow

    torch.manual_seed(0)
    net = WaveGlow(options["flows"], options["width"], options["layers"])
    for coupling in net.WN:  # near the identity, as at the beginning of training
        coupling.end.weight.data *= 0.01
    torch.save(net.state_dict(), folder / "weights.pt")
    rng = np.random.default_rng(0)
    shape = options["batch"], options["samples"]
    np.savez(
        folder / "arrays.npz",
        audio=rng.normal(0, 0.1, shape).astype(np.float32),
        mel=rng.normal(size=(shape[0], 80, shape[1] // 256 + 1)).astype(np.float32),
        z=rng.normal(size=(shape[0], 8, shape[1] // 8)).astype(np.float32),
    )


def in_jax(options: Options, folder: Path) -> Calls:
    import flax.traverse_util as tree
    import jax
    import jax.numpy as jnp
    import optax

    from zoo.models.generation.waveglow import WaveGlow
    from zoo.pretrained import rules, waveglow

    arrays = np.load(folder / "arrays.npz")
    mel, z = (jnp.asarray(arrays[k].swapaxes(1, 2)) for k in ("mel", "z"))
    audio = jnp.asarray(arrays["audio"])[..., None]
    model = WaveGlow(options["flows"], width=options["width"], layers=options["layers"])
    shapes = tree.flatten_dict(jax.eval_shape(model.init, jax.random.key(0), audio, mel), sep="/")
    filled = rules.apply_rules(
        waveglow.waveglow_rules(), waveglow.read_waveglow([folder / "weights.pt"]), shapes
    )
    params = jax.tree.map(jnp.asarray, tree.unflatten_dict(filled, sep="/"))
    optimiser = optax.adam(1e-4)

    def loss(params: dict) -> jax.Array:
        latent, log_det = model.apply(params, audio, mel)
        energy = jnp.sum(jnp.square(latent), (1, 2)) / 2
        return jnp.mean(0.5 * np.log(2 * np.pi) + (energy - log_det) / audio.shape[1])

    def update(params: dict, state: tuple) -> tuple:
        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = optimiser.update(gradient, state)
        return optax.apply_updates(params, updates), state, value

    update = jax.jit(update, donate_argnums=(0, 1))
    invert = jax.jit(lambda p: model.apply(p, z, mel, method="inverse"))
    fixed = jax.tree.map(jnp.array, params)
    carry = [params, optimiser.init(params)]

    def step() -> float:
        *carry[:], value = update(*carry)
        return float(jax.block_until_ready((carry, value))[1])

    return step, lambda: np.asarray(invert(fixed))[..., 0]


def in_torch(options: Options, folder: Path) -> Calls:
    import torch
    from torch_waveglow import WaveGlow

    torch.set_num_threads(options["threads"])
    arrays = {k: torch.tensor(v) for k, v in np.load(folder / "arrays.npz").items()}
    net, fixed = (WaveGlow(*(options[k] for k in ("flows", "width", "layers"))) for _ in "ab")
    for one in (net, fixed):
        one.load_state_dict(torch.load(folder / "weights.pt"))
    for module in fixed.modules():  # as is done before vocoding
        if hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)
    optimiser = torch.optim.Adam(net.parameters(), 1e-4, fused=True)

    def step() -> float:
        optimiser.zero_grad(set_to_none=True)
        value = net.nats(arrays["audio"], arrays["mel"])
        value.backward()
        optimiser.step()
        return float(value.detach())

    def invert() -> np.ndarray:
        with torch.inference_mode():
            return fixed.infer(arrays["z"], arrays["mel"]).numpy()

    return step, invert


def child(framework: str, folder: Path, options: Options) -> None:
    """Prints losses, audio's checks and milliseconds of both kinds of call on the last line."""
    in_turns.pin(options["threads"])
    step, invert = (in_jax if framework == "jax" else in_torch)(options, folder)
    answer = {"audio": invert()[0, :: options["samples"] // 16].tolist()}
    answer["losses"] = [step() for _ in range(2)]
    for name, call in (("infer", invert), ("train", step)):
        times = in_turns.timed(call, options["steps"])
        answer[name] = {key: times[key] for key in ("ms", "cpu_ms")}
    print(json.dumps(answer))


def compare(options: Options) -> list[dict]:
    """One line for training, one for vocoding."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(options, Path(folder))
        answers = in_turns.answers(__file__, folder, options)
    return [line(kind, answers, options) for kind in ("train", "infer")]


def line(kind: str, answers: in_turns.Answers, options: Options) -> dict:
    key = "losses" if kind == "train" else "audio"
    one, other = (np.array(answers[f][0][key]) for f in ("jax", "torch"))
    return {
        "kind": kind,
        **in_turns.compared(answers, options, kind),
        "gap": float(f"{np.abs(one - other).max() / np.abs(other).max():.1e}"),
        **{k: options[k] for k in ("flows", "layers", "width", "samples", "batch")},
    }


def main(arguments: list[str]) -> None:
    options = in_turns.parsed(arguments, DEFAULTS)
    if options["child"]:
        framework, folder = str(options["child"]).split(",", 1)
        return child(framework, Path(folder), options)
    for result in compare(options):
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
