"""NICE and RealNVP (Dinh et al. 2014, 2017) on windows of the embedded piano music.

Rows: default is RealNVP, 4 scales of 4 affine couplings of 64 channels; nice has 4 additive
couplings of five layers of 256 and a logistic prior. Windows of 1,024 samples, 64 ms, without a
condition: samples are such windows side by side. White noise of the music's level gives -1.4 bits
per sample, a linear prediction of order 16 gives -5.0. Both papers are about images, so that
nothing outside agrees with it; its Jacobian is that of automatic differentiation.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.window_flows import Nice, RealNVP
from zoo.objectives.window_flow import WindowFlow
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {"parameters": 796_705},
    "nice": {
        "arguments": {"kind": "nice", "width": 256, "prior": "logistic"},
        "parameters": 2_105_344,
    },
}
AGREES = {}
SMOKE = {"size": "tiny", "samples": 256, "scales": 2, "couplings": 2, "width": 8, "steps": 2}


def config(
    size: str = "small",
    kind: Literal["realnvp", "nice"] = "realnvp",
    scales: int = 4,
    couplings: int = 4,
    width: int = 64,
    prior: Literal["logistic", "normal"] = "normal",
    dither: float = 1.0,
    samples: int = 1024,
    batch: int = 16,
    steps: int = 1500,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if kind == "nice":
        model: Nice | RealNVP = Nice(samples, couplings, width, dtype=dtype)
    else:
        model = RealNVP(samples, scales, couplings, width, dtype=dtype)
    return Experiment(
        data=Data(ScoreRender("piano", size), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=WindowFlow(model, prior, dither),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=Likelihood(samples),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=8,
        save_every=250,
        seed=seed,
    )
