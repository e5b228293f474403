"""Speed of SampleRNN sampling: both engines and an incremental PyTorch loop.

    python benchmarks/samplernn_sampling.py [tiers=2,3] [batch=1,8,32] [width=1024] [samples=1024]

Prints one JSON line per model and batch: samples per second of one voice and of all together. The
PyTorch loop (eager, one thread, inference mode) has the same folded weights, advances each tier
once per frame and draws with torch.multinomial; its logits are first compared with ours. Times are
the best of three interleaved rounds of process CPU time, one thread each.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial

FLAG = "--xla_cpu_multi_thread_eigen=false"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAG}".strip()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from in_turns import machine, parsed, pin  # noqa: E402

from zoo.models.generation.samplernn import SampleRNN  # noqa: E402
from zoo.sampling import autoregressive  # noqa: E402

RATE = 16_000
ENGINES = ("native", "native_bfloat16", "native_int8", "xla")
PAPER = {2: dict(frames=(16,), layers=3), 3: dict(frames=(2, 8), layers=1)}


class Tiers:
    """The same GRU network frame by frame in PyTorch."""

    def __init__(self, model: SampleRNN, folded: dict, batch: int) -> None:
        def tensor(leaf: jax.Array) -> torch.Tensor:
            return torch.from_numpy(np.array(leaf))

        self.weights = jax.tree.map(tensor, folded)
        self.frames, self.ratios = model.frames, model.ratios
        self.places = torch.arange(model.frames[0])
        self.codes = torch.full((batch, model.hop), 128)
        self.hidden = [list(t["start"][:, None].repeat(1, batch, 1)) for t in self.weights["tiers"]]
        self.chosen: list[torch.Tensor] | None = None  # codes to take instead of drawing
        self.logits: list[torch.Tensor] = []

    def frame(self) -> None:
        self._descend(len(self.frames) - 1, 0.0)

    def _descend(self, tier: int, added: torch.Tensor | float) -> None:
        if tier < 0:
            return self._sample(added)
        weights = self.weights["tiers"][tier]
        real = 2 * (self.codes[:, -self.frames[tier] :] * (2 / 255) - 1)
        gates, out = real @ weights["frame"] + weights["bias"] + added, None
        for i, layer in enumerate(weights["layers"]):
            if out is not None:
                gates = torch.addmm(layer["bias"], out, layer["kernel"].T)
            h = self.hidden[tier][i]
            recurrent = torch.addmm(layer["recurrent_bias"], h, layer["recurrent_kernel"].T)
            (xr, xz, xn), (hr, hz, hn) = gates.chunk(3, 1), recurrent.chunk(3, 1)
            z = torch.sigmoid(xz + hz)
            out = (1 - z) * torch.tanh(xn + torch.sigmoid(xr + hr) * hn) + z * h
            self.hidden[tier][i] = out
        extra = torch.addmm(weights["up_bias"], out, weights["up"].T)
        for one in extra.chunk(self.ratios[tier], 1):
            self._descend(tier - 1, one)

    def _sample(self, added: torch.Tensor) -> None:
        table = self.weights["table"][self.places, self.codes[:, -self.frames[0] :]]
        (hidden, bias), (output, last) = self.weights["hidden"], self.weights["output"]
        x = torch.relu(torch.addmm(bias, torch.relu(table.sum(1) + added), hidden.T))
        logits = torch.addmm(last, x, output.T)
        if self.chosen is None:
            new = torch.multinomial(torch.softmax(logits, 1), 1)
        else:
            self.logits.append(logits)
            new = self.chosen.pop(0)[:, None]
        self.codes = torch.cat([self.codes[:, 1:], new], 1)


def built(tiers: int, width: int) -> tuple[SampleRNN, dict]:
    model = SampleRNN(width=width, **PAPER[tiers])
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 64, 1)))
    rng = np.random.default_rng(0)
    return model, jax.tree.map(
        lambda s: jnp.asarray(rng.normal(0, 0.05 if s.ndim > 1 else 0.5, s.shape), s.dtype), shapes
    )


def logits_agree(model: SampleRNN, variables: dict, folded: dict, batch: int) -> float:
    """The largest difference of logits over a random walk, teacher-forced against incremental."""
    codes = np.random.default_rng(1).integers(0, 256, (64, batch))
    audio = model.distribution.decode(jnp.asarray(codes.T)[..., None])
    ours = np.asarray(jax.jit(model.apply)(variables, audio))
    tiers = Tiers(model, folded, batch)
    tiers.chosen = [torch.from_numpy(row) for row in codes]
    for _ in range(64 // model.hop):
        tiers.frame()
    return float(np.abs(ours - np.stack([x.numpy() for x in tiers.logits], 1)).max())


def cpu_time(run) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def measure(model: SampleRNN, variables: dict, batch: int, samples: int) -> dict:
    folded = autoregressive.fold(model, variables, {})
    difference = logits_agree(model, variables, folded, batch)
    assert difference < 1e-2, f"the two networks disagree by {difference}"
    begin = partial(autoregressive.start_voices, model, variables, count=batch)

    prepared = {e: autoregressive.prepare_loop(model, variables, {}, e) for e in ENGINES}

    def ours(engine: str) -> None:
        asked = dict(length=samples, chunk=samples, prepared=prepared[engine])
        next(autoregressive.resume(model, variables, begin(), **asked))

    tiers = Tiers(model, folded, batch)
    theirs = max(samples // 8, model.hop)
    runs = {
        **{engine: (partial(ours, engine), samples) for engine in ENGINES},
        "torch": (lambda: [tiers.frame() for _ in range(theirs // model.hop)], theirs),
    }
    first = {}
    for engine in ENGINES:
        began = time.perf_counter()
        ours(engine)
        first[engine] = round(time.perf_counter() - began, 1)
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(3):
        for name, (run, drawn) in runs.items():
            best[name] = min(best[name], cpu_time(run) / drawn)
    return {
        "tiers": len(model.frames) + 1,
        "batch": batch,
        "width": model.width,
        "microseconds_per_step": {name: round(1e6 * t, 1) for name, t in best.items()},
        "voice_samples_per_second": round(1 / best["native"]),
        "total_samples_per_second": round(batch / best["native"]),
        "total_times_real_time": round(batch / best["native"] / RATE, 3),
        "native_faster_than": {
            name: round(t / best["native"], 2) for name, t in best.items() if name != "native"
        },
        "logit_difference": difference,
        "first_call_seconds": first,
        "threads": 1,
        "clock": "process CPU time, pinned to one core",
        "machine": machine(),
    }


def main(arguments: list[str]) -> None:
    options = parsed(arguments, dict(tiers="2,3", batch="1,8,32", width=1024, samples=1024))
    samples = options["samples"]
    if not 16 <= samples <= autoregressive.BLOCK:
        sys.exit(f"samples={samples}: 16 to {autoregressive.BLOCK}, one call of the compiled loop")
    torch.set_num_threads(1)
    pin(1)
    with torch.inference_mode():
        for tiers in map(int, options["tiers"].split(",")):
            model, variables = built(tiers, options["width"])
            for batch in map(int, options["batch"].split(",")):
                print(json.dumps(measure(model, variables, batch, samples)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
