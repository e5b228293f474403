"""Speed of WaveNet sampling against a public PyTorch module's own incremental loop.

    python benchmarks/public_wavenet.py [width=64] [samples=4096] [rounds=3]

r9y9's wavenet_vocoder 0.1.1 (MIT, obtained with pip into a folder that goes away) beside ours of
the same weights: 30 layers, one voice, 8-bit codes. First their loop follows what ours drew, two
turns of the longest queue: from its logits the same noise must draw the same codes. Prints one JSON
line: best of the interleaved rounds, process CPU time, one thread. The loop written for
`autoregressive.py` is the harder rival: it multiplies all skips at once, looks up its inputs
instead of multiplying one-hot rows, and draws without NumPy.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import warnings

FLAG = "--xla_cpu_multi_thread_eigen=false"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAG}".strip()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from in_turns import parsed  # noqa: E402

from zoo.models.generation.wavenet import WaveNet  # noqa: E402
from zoo.sampling import autoregressive  # noqa: E402

from sampling import cpu_time  # noqa: E402  isort: skip

CODES, LAYERS, STACKS = 256, 30, 3


def public(width: int) -> torch.nn.Module:
    """Their net with `width` channels everywhere, imported from a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
        subprocess.run([*pip, "wavenet_vocoder==0.1.1"], check=True)
        sys.path.insert(0, folder)
        from wavenet_vocoder import WaveNet as Theirs

        sys.path.remove(folder)
    torch.manual_seed(0)
    net = Theirs(
        CODES,
        LAYERS,
        STACKS,
        width,
        2 * width,
        width,
        2,
        dropout=0.0,
        weight_normalization=False,
        legacy=False,
    ).eval()
    torch.nn.utils.remove_weight_norm(net.first_conv)
    return net


def ours(net: torch.nn.Module, width: int) -> tuple[WaveNet, dict]:
    """Our net and their weights in it."""
    model = WaveNet(
        LAYERS,
        STACKS,
        width,
        width,
        width,
        head=width,
        last_residual=True,
        residual_scale=math.sqrt(0.5),
    )
    w = {name: leaf.detach().numpy().T for name, leaf in net.named_parameters()}

    def conv(name: str) -> dict:
        return {"kernel": w[f"{name}.weight"], "bias": w[f"{name}.bias"]}

    places = {"dilated": "conv", "residual": "conv1x1_out", "skip": "conv1x1_skip"}
    params = {
        f"blocks_{i}": {ours: conv(f"conv_layers.{i}.{name}") for ours, name in places.items()}
        for i in range(LAYERS)
    }
    params |= {"hidden": conv("last_conv_layers.1"), "output": conv("last_conv_layers.3")}
    params["source"] = {"embedding": w["first_conv.weight"][0] + w["first_conv.bias"]}
    return model, jax.tree.map(jnp.asarray, {"params": params})


def alike(net: torch.nn.Module, model: WaveNet, variables: dict, samples: int = 1100) -> float:
    """The share of the codes that our sampler draws which their logits along them give too."""
    state = autoregressive.start_voices(model, variables)
    noise = autoregressive._uniform(state, model.distribution.noise, samples)[:, 0]
    (audio,) = autoregressive.generate(model, variables, length=samples, chunk=samples)
    codes = np.array(model.distribution.encode(np.pad(audio[0, :, 0], (1, 0))))
    inputs = torch.nn.functional.one_hot(torch.from_numpy(codes[:-1]).long(), CODES).float()[None]
    raw = net.incremental_forward(test_inputs=inputs, T=samples, softmax=False, quantize=False)
    drawn = model.distribution.sample(jnp.asarray(raw[0].T.numpy()), noise, 1.0)
    theirs = np.asarray(model.distribution.encode(drawn))[:, 0]
    assert len(np.unique(theirs)) > 50, "the nets hardly choose"
    return float((theirs == codes[1:]).mean())


def main(arguments: list[str]) -> None:
    options = parsed(arguments, dict(width=64, samples=4096, rounds=3))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", FutureWarning)
    width, samples = options["width"], options["samples"]
    net = public(width)
    model, variables = ours(net, width)
    theirs = samples // 8

    def drawn() -> None:
        for _ in autoregressive.generate(model, variables, length=samples, chunk=samples):
            pass

    with torch.inference_mode():
        same = alike(net, model, variables)
        assert same > 0.99, f"the two nets draw other codes: {same:.1%} are the same"
        drawn()
        best = {"zoo": float("inf"), "wavenet_vocoder": float("inf")}
        for _ in range(options["rounds"]):
            best["zoo"] = min(best["zoo"], cpu_time(drawn) / samples)
            spent = cpu_time(lambda: net.incremental_forward(T=theirs)) / theirs
            best["wavenet_vocoder"] = min(best["wavenet_vocoder"], spent)
    figures = {
        "width": width,
        "microseconds_per_step": {name: round(1e6 * t, 1) for name, t in best.items()},
        "faster_than_wavenet_vocoder": round(best["wavenet_vocoder"] / best["zoo"], 2),
        "same_codes": same,
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
