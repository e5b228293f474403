"""Speed of WaveNet sampling: our cached loop, naive recomputation, and a cached PyTorch loop.

    python benchmarks/autoregressive.py [batch=1,8] [width=64] [samples=4096]

Prints one JSON line per batch size. The PyTorch loop (eager, one thread, inference mode) has the
same weights, rings of past inputs and one skip product; its logits are first compared with ours.
Times are the best of three interleaved rounds of process CPU time, one thread each.
"""

from __future__ import annotations

import json
import os
import sys
import time

FLAG = "--xla_cpu_multi_thread_eigen=false"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAG}".strip()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from in_turns import parsed  # noqa: E402

from zoo.models.generation.wavenet import WaveNet  # noqa: E402
from zoo.sampling import autoregressive  # noqa: E402

RATE = 16_000


class Rings:
    """The same network sample by sample in PyTorch, kernel 2, one ring of inputs per layer."""

    def __init__(self, model: WaveNet, folded: dict, batch: int) -> None:
        def tensor(leaf: jax.Array) -> torch.Tensor:
            return torch.from_numpy(np.array(leaf))

        weights = jax.tree.map(tensor, folded)
        self.embedding = weights["source"]["embedding"]
        taps = [torch.cat(pair) for pair in zip(weights["past"][:, 0], weights["now"])]
        names = ("bias", "residual", "residual_bias")
        self.layers = list(zip(taps, *(weights[name] for name in names)))
        self.skip = weights["skip"].T.contiguous(), weights["skip_bias"]
        head = weights["hidden"], weights["output"]
        self.head = [(layer["kernel"].T.contiguous(), layer["bias"]) for layer in head]
        self.dilations, self.clock = model.dilations, 0
        self.rings = [torch.zeros(d, batch, model.width) for d in self.dilations]

    def logits(self, codes: torch.Tensor) -> torch.Tensor:
        x, gates = self.embedding[codes], []
        for ring, dilation, (taps, bias, residual, rest) in zip(
            self.rings, self.dilations, self.layers
        ):
            slot = ring[self.clock % dilation]
            z = torch.addmm(bias, torch.cat([slot, x], dim=1), taps)
            slot.copy_(x)
            filtered, gate = z.chunk(2, dim=1)
            gated = torch.tanh(filtered) * torch.sigmoid(gate)
            gates.append(gated)
            x = x + torch.addmm(rest, gated, residual)
        self.clock += 1
        out = torch.relu(torch.addmm(self.skip[1], torch.cat(gates, dim=1), self.skip[0]))
        out = torch.relu(torch.addmm(self.head[0][1], out, self.head[0][0]))
        return torch.addmm(self.head[1][1], out, self.head[1][0])

    def draw(self, codes: torch.Tensor, samples: int) -> torch.Tensor:
        for _ in range(samples):
            chances = torch.softmax(self.logits(codes), dim=1)
            codes = torch.multinomial(chances, 1)[:, 0]
        return codes


def built(width: int) -> tuple[WaveNet, dict]:
    model = WaveNet(width=width, gate=width, skip=width)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 8, 1)))
    rng = np.random.default_rng(0)
    scale = {2: 0.05, 3: 0.1}
    return model, jax.tree.map(
        lambda s: jnp.asarray(rng.normal(0, scale.get(s.ndim, 0.01), s.shape), s.dtype), shapes
    )


def logits_agree(model: WaveNet, folded: dict, batch: int, samples: int = 600) -> float:
    """The largest difference of logits over a random walk through both caches."""
    codes = np.random.default_rng(1).integers(0, 256, (samples, batch))
    audio = model.distribution.decode(jnp.asarray(codes)[..., None])

    def body(carry: dict, x: jax.Array) -> tuple[dict, jax.Array]:
        return model.advance(folded, carry, x)

    ours = np.asarray(jax.jit(lambda a: jax.lax.scan(body, model.initial(batch), a)[1])(audio))
    rings = Rings(model, folded, batch)
    theirs = np.stack([rings.logits(torch.from_numpy(row)).numpy() for row in codes])
    return float(np.abs(ours - theirs).max())


def cpu_time(run) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def measure(model: WaveNet, variables: dict, batch: int, samples: int) -> dict:
    folded = autoregressive.fold(model, variables, {})
    difference = logits_agree(model, folded, batch)
    assert difference < 1e-3, f"the two caches disagree by {difference}"

    def ours() -> None:
        for _ in autoregressive.generate(
            model, variables, length=samples, count=batch, chunk=samples
        ):
            pass

    window = jnp.zeros((batch, model.receptive_field + 1, 1))
    forward = jax.jit(lambda a: model.apply(variables, a)[:, -1])
    rings, codes = Rings(model, folded, batch), torch.full((batch,), 128)
    runs = {
        "zoo": (ours, samples),
        "naive": (lambda: forward(window).block_until_ready(), 1),
        "torch": (lambda: rings.draw(codes, samples // 4), samples // 4),
    }
    began = time.perf_counter()
    ours()
    compiled = time.perf_counter() - began
    forward(window).block_until_ready()
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(3):
        for name, (run, drawn) in runs.items():
            best[name] = min(best[name], cpu_time(run) / drawn)
    return {
        "batch": batch,
        "width": model.width,
        "microseconds_per_step": {name: round(1e6 * t, 1) for name, t in best.items()},
        "voice_samples_per_second": round(1 / best["zoo"]),
        "total_samples_per_second": round(batch / best["zoo"]),
        "total_times_real_time": round(batch / best["zoo"] / RATE, 3),
        "faster_than_torch": round(best["torch"] / best["zoo"], 2),
        "faster_than_naive": round(best["naive"] / best["zoo"], 1),
        "logit_difference": difference,
        "first_call_seconds": round(compiled, 1),
    }


def main(arguments: list[str]) -> None:
    options = parsed(arguments, dict(batch="1,8", width=64, samples=4096))
    torch.set_num_threads(1)
    model, variables = built(options["width"])
    with torch.inference_mode():
        for batch in map(int, options["batch"].split(",")):
            print(json.dumps(measure(model, variables, batch, options["samples"])), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
