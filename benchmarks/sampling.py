"""Speed of WaveNet sampling: both engines, naive recomputation, loops of PyTorch and of plain C.

    python benchmarks/sampling.py [batch=1,8] [width=64] [samples=4096] [naive=1]

Prints one JSON line per batch size. The PyTorch loop (eager, one thread, inference mode) has the
same weights, rings of past inputs and one skip product; its logits are first compared with ours.
The C loop (plain_loop.c, cc -O3 -march=native -ffast-math) is given our noise: `same_codes` is the
share of its codes that are ours, up to the first choice so near that rounding decides it. Times are
the best of three interleaved rounds of process CPU time, one thread each, on one core (pinned).
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

FLAG = "--xla_cpu_multi_thread_eigen=false"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAG}".strip()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from in_turns import machine, parsed, pin  # noqa: E402

from zoo.models.generation.wavenet import WaveNet  # noqa: E402
from zoo.sampling import autoregressive  # noqa: E402

RATE = 16_000
ENGINES = ("native", "native_bfloat16", "native_int8", "xla")


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


class PlainLoop:
    """plain_loop.c over the same weights."""

    def __init__(self, model: WaveNet, folded: dict, batch: int, samples: int) -> None:
        self.model, self.samples = model, samples
        taps = [jnp.concatenate([*pair]) for pair in zip(folded["past"][:, 0], folded["now"])]
        skip = folded["skip"].T.reshape(model.layers, model.gate, model.skip)
        head = [(folded[n]["kernel"].T, folded[n]["bias"]) for n in ("hidden", "output")]
        arrays = [folded["source"]["embedding"], jnp.stack(taps), folded["bias"][:, 0]]
        arrays += [jnp.stack(folded["residual"]), folded["residual_bias"]]
        arrays += [skip, folded["skip_bias"], *head[0], *head[1]]
        self.weights = [np.ascontiguousarray(array, np.float32) for array in arrays]
        self.dilations = np.asarray(model.dilations, np.int32)
        noise = autoregressive._uniform(
            autoregressive.start_voices(model, {}, count=batch), 1, samples
        )
        self.noise = np.ascontiguousarray(noise[..., 0])
        self.codes = np.full((samples + 1, batch), 128, np.int32)
        self.loop = self._compiled()

    def _compiled(self) -> ctypes._CFuncPtr:
        source = Path(__file__).with_name("plain_loop.c")
        model = self.model
        known = dict(WIDTH=model.width, LAYERS=model.layers, HEAD=model.head, CODES=256)
        sizes = [f"-D{name}={size}" for name, size in known.items()]
        with tempfile.TemporaryDirectory() as folder:
            out = f"{folder}/plain_loop.so"
            flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", *sizes]
            subprocess.run(["cc", *flags, str(source), "-lm", "-o", out], check=True)
            return ctypes.CDLL(out).plain_loop

    def draw(self) -> np.ndarray:
        """Codes [samples B]."""
        batch = self.codes.shape[1]
        rings = np.zeros((int(self.dilations.sum()), batch, self.model.width), np.float32)
        arrays = [self.dilations, *self.weights, rings, self.noise, self.codes]
        self.loop(self.samples + 1, batch, *(array.ctypes for array in arrays))
        return self.codes[1:]


def same(codes: np.ndarray, audio: np.ndarray, model: WaveNet) -> float:
    """The share of the first voice's codes [samples B] that are those of audio [B samples 1]."""
    ours = np.asarray(model.distribution.encode(audio))[0, :, 0]
    apart = np.flatnonzero(codes[:, 0] != ours)
    return float(apart[0] / len(ours)) if len(apart) else 1.0


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


def measure(model: WaveNet, variables: dict, batch: int, samples: int, naive: bool) -> dict:
    folded = autoregressive.fold(model, variables, {})
    difference = logits_agree(model, folded, batch)
    assert difference < 1e-3, f"the two caches disagree by {difference}"

    prepared = {e: autoregressive.prepare_loop(model, variables, {}, e) for e in ENGINES}

    def ours(engine: str) -> np.ndarray:
        begun = autoregressive.start_voices(model, variables, count=batch)
        asked = dict(length=samples, chunk=samples, prepared=prepared[engine])
        return next(autoregressive.resume(model, variables, begun, **asked))[0]

    window = jnp.zeros((batch, model.receptive_field + 1, 1))
    forward = jax.jit(lambda a: model.apply(variables, a)[:, -1])
    rings, codes = Rings(model, folded, batch), torch.full((batch,), 128)
    plain = PlainLoop(model, folded, batch, samples)
    runs = {
        **{engine: (partial(ours, engine), samples) for engine in ENGINES},
        "plain_c": (plain.draw, samples),
        "torch": (lambda: rings.draw(codes, samples // 4), samples // 4),
    }
    if naive:
        runs["naive"] = (lambda: forward(window).block_until_ready(), 1)
        forward(window).block_until_ready()
    first = {}
    for engine in ENGINES:
        began = time.perf_counter()
        audio = ours(engine)
        first[engine] = round(time.perf_counter() - began, 1)
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(3):
        for name, (run, drawn) in runs.items():
            best[name] = min(best[name], cpu_time(run) / drawn)
    quick = best["native"]
    return {
        "batch": batch,
        "width": model.width,
        "microseconds_per_step": {name: round(1e6 * t, 1) for name, t in best.items()},
        "voice_samples_per_second": round(1 / quick),
        "total_samples_per_second": round(batch / quick),
        "total_times_real_time": round(batch / quick / RATE, 3),
        "native_faster_than": {
            name: round(t / quick, 2) for name, t in best.items() if name != "native"
        },
        "logit_difference": difference,
        "same_codes": same(plain.draw(), audio, model),
        "first_call_seconds": first,
        "threads": 1,
        "clock": "process CPU time, pinned to one core",
        "machine": machine(),
    }


def main(arguments: list[str]) -> None:
    options = parsed(arguments, dict(batch="1,8", width=64, samples=4096, naive=1))
    pin(1)
    torch.set_num_threads(1)
    model, variables = built(options["width"])
    with torch.inference_mode():
        for batch in map(int, options["batch"].split(",")):
            print(
                json.dumps(
                    measure(model, variables, batch, options["samples"], bool(options["naive"]))
                ),
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
