"""Time of a MelGAN round (both turns, Adam) and of vocoding, in JAX and PyTorch; prints JSON lines.

    python benchmarks/adversarial_round.py [work=round,vocode] [rounds=3] [steps=5] [threads=2]
        [batch=4] [samples=8192] [frames=100] [tiny=0]

Both frameworks start from the same weights and audio, each in a process of its own, in turns; a
figure is the median over the rounds of the median step. Weight norm is in both; mel spectrograms
are made beforehand for both. `gap` compares the first discriminator losses (round) or the output
(vocode). Run on a quiet machine.
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
DEFAULTS = dict(
    work="round,vocode",
    rounds=3,
    steps=5,
    threads=2,
    batch=4,
    samples=8192,
    frames=100,
    tiny=0,
    child="",
)
MATCHING = 10 * (4 / 5) / 3


def models(tiny: int) -> tuple[Any, Any]:
    """Generator and discriminator at the paper's size."""
    from zoo.models.generation.melgan import Discriminator, Generator

    return (
        (Generator(width=32), Discriminator(width=4, most=32))
        if tiny
        else (Generator(), Discriminator())
    )


def prepare(options: Options) -> Arrays:
    """Weights by path, mel frames and audio of a batch, mel frames of a clip; all from NumPy."""
    import jax
    from flax.traverse_util import flatten_dict

    rng = np.random.default_rng(0)
    batch, samples = options["batch"], options["samples"]
    arrays = {
        "audio": rng.uniform(-0.5, 0.5, (batch, samples, 1)),
        "mel": rng.normal(-2, 1, (batch, samples // 256, 80)),
        "clip": rng.normal(-2, 1, (1, options["frames"], 80)),
    }
    generator, discriminator = models(options["tiny"])
    for name, module, key in (
        ("generator", generator, "mel"),
        ("discriminator", discriminator, "audio"),
    ):
        shapes = jax.eval_shape(module.init, jax.random.key(0), arrays[key])["params"]
        for path, leaf in flatten_dict(shapes, sep="/").items():
            if path.endswith("kernel"):
                kernel = rng.normal(0, 1 / np.sqrt(np.prod(leaf.shape[:-1])), leaf.shape)
                arrays[f"{name}/{path}"] = kernel
                axis = (0, 2) if "/up_" in f"/{path}" else (0, 1)
                scale = np.sqrt(np.square(kernel).sum(axis))
                arrays[f"{name}/{path.removesuffix('kernel')}scale"] = scale
            elif path.endswith("bias"):
                arrays[f"{name}/{path}"] = np.zeros(leaf.shape)
    return {key: value.astype(np.float32) for key, value in arrays.items()}


def jax_work(work: str, arrays: Arrays, tiny: int) -> Callable[[], Any]:
    """One call is one round, or one clip."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax.traverse_util import unflatten_dict

    from zoo.losses import adversarial

    generator, discriminator = models(tiny)
    paths = {k: v for k, v in arrays.items() if "/" in k}
    params = jax.tree.map(jnp.asarray, unflatten_dict(paths, sep="/"))
    mel, audio, clip = (jnp.asarray(arrays[key]) for key in ("mel", "audio", "clip"))
    if work == "vocode":
        run = jax.jit(lambda p, x: generator.apply({"params": p}, x))
        return lambda: np.asarray(run(params["generator"], clip))
    optimiser = optax.adam(1e-4, b1=0.5, b2=0.9)

    def discriminator_loss(p, others):
        fake = generator.apply({"params": others}, mel)
        # One batch of both, as zoo.objectives.adversarial_vocoder scores them.
        answers = discriminator.apply({"params": p}, jnp.concatenate([fake, audio]))
        losses = [adversarial.hinge_discriminator(*jnp.split(score, 2)) for score, _ in answers]
        return jnp.mean(sum(losses))

    def generator_loss(p, others):
        fake = generator.apply({"params": p}, mel)
        ours, theirs = (discriminator.apply({"params": others}, x) for x in (fake, audio))
        features = [[f for _, f in answers] for answers in (ours, theirs)]
        pleasing = sum(adversarial.hinge_generator(score) for score, _ in ours)
        return jnp.mean(pleasing + MATCHING * adversarial.feature_matching(*features))

    def turn(loss, own, other, params, states):
        value, gradient = jax.value_and_grad(loss)(params[own], params[other])
        updates, state = optimiser.update(gradient, states[own])
        new = {**params, own: optax.apply_updates(params[own], updates)}
        return value, new, {**states, own: state}

    turns = [
        jax.jit(
            lambda p, s: turn(discriminator_loss, "discriminator", "generator", p, s),
            donate_argnums=(0, 1),
        ),
        jax.jit(
            lambda p, s: turn(generator_loss, "generator", "discriminator", p, s),
            donate_argnums=(0, 1),
        ),
    ]
    carry = [params, {name: optimiser.init(p) for name, p in params.items()}]

    def step() -> float:
        values = []
        for run in turns:
            value, *carry[:] = run(*carry)
            values.append(value)
        jax.block_until_ready(carry)
        return float(values[0])

    return step


def torch_work(work: str, arrays: Arrays, tiny: int) -> Callable[[], Any]:
    """One call is one round, or one clip."""
    import torch
    import torch_melgan
    from torch.nn import functional as F

    generator, discriminator = torch_melgan.from_arrays(arrays, *models(tiny))
    mel, audio, clip = (
        torch.tensor(arrays[key]).mT.contiguous() for key in ("mel", "audio", "clip")
    )
    if work == "vocode":

        @torch.no_grad()
        def vocode() -> np.ndarray:
            return generator(clip).mT.numpy()

        return vocode
    players = [
        torch.optim.Adam(net.parameters(), 1e-4, betas=(0.5, 0.9), fused=True)
        for net in (discriminator, generator)
    ]

    def step() -> float:
        with torch.no_grad():
            fake = generator(mel)
        scores = zip(discriminator(fake), discriminator(audio))
        loss = sum(F.relu(1 + f).mean() + F.relu(1 - r).mean() for (f, _), (r, _) in scores)
        players[0].zero_grad(set_to_none=True)
        loss.backward()
        players[0].step()
        discriminator.requires_grad_(False)
        with torch.no_grad():
            real = discriminator(audio)
        ours = discriminator(generator(mel))
        pairs = [pair for (_, x), (_, y) in zip(ours, real) for pair in zip(x, y)]
        matching = sum(F.l1_loss(x, y) for x, y in pairs)
        pleased = MATCHING * matching - sum(score.mean() for score, _ in ours)
        players[1].zero_grad(set_to_none=True)
        pleased.backward()
        players[1].step()
        discriminator.requires_grad_(True)
        return float(loss.detach())

    return step


def child(framework: str, work: str, path: str, options: Options) -> None:
    """Prints results of the first calls, and milliseconds of each after two."""
    in_turns.pin(options["threads"])
    if framework == "torch":
        import torch

        torch.set_num_threads(options["threads"])
    arrays = dict(np.load(path))
    make = jax_work if framework == "jax" else torch_work
    step = make(work, arrays, options["tiny"])
    first = np.ravel(step())[:10_000].tolist()
    step()
    times = in_turns.timed(step, options["steps"])
    print(json.dumps({"first": first, **{key: times[key] for key in ("ms", "cpu_ms")}}))


def compare(work: str, options: Options) -> dict[str, Any]:
    """Both frameworks in turns -> one record."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "arrays.npz")
        np.savez(path, **prepare(options))
        answers = in_turns.answers(__file__, f"{work},{path}", options)
    ours, theirs = (np.array(answers[f][-1]["first"]) for f in ("jax", "torch"))
    return {
        "model": f"melgan_{work}",
        **in_turns.compared(answers, options),
        "gap": float(f"{np.abs(ours - theirs).max():.1e}"),
        **{key: options[key] for key in ("batch", "samples", "frames", "tiny")},
    }


def main(arguments: list[str]) -> None:
    options = in_turns.parsed(arguments, DEFAULTS)
    if options["child"]:
        framework, work, path = options["child"].split(",", 2)
        return child(framework, work, path, options)
    for work in options["work"].split(","):
        print(json.dumps(compare(work, options)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
