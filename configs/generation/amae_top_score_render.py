"""Codes of codes (Dieleman et al. 2018) on the embedded piano: the second level, one in 64 samples.

An argmax autoencoder over the codes of amae_score_render, to be trained before; below= is its run
directory, and sizes are those of that run. It plays a given recording from its upper codes alone:
these, then those below, then samples are drawn. below="" takes random codes, for tests.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.experiment import Experiment
from zoo.recipes.hierarchy import Bottleneck, Hierarchy
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 511_136}}
AGREES = {"tests/models/test_ada_parity.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "below": "",
    "layers": 2,
    "stacks": 1,
    "width": 8,
    "skip": 8,
    "encoder": 8,
    "depth": 1,
    "codes": 16,
    "samples": 2048,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    below: str = "runs/amae_score_render",
    layers: int = 16,
    stacks: int = 2,
    width: int = 32,
    skip: int = 64,
    encoder: int = 64,
    depth: int = 4,
    codes: int = 256,
    bottleneck: Bottleneck = "argmax",
    diversity: float = 0.1,
    normalise: bool = True,
    samples: int = 32768,
    batch: int = 3,
    steps: int = 400,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    sizes = dict(layers=layers, stacks=stacks, width=width, skip=skip, encoder=encoder, depth=depth)
    plan = Hierarchy(
        **sizes,
        codes=codes,
        bottleneck=bottleneck,
        diversity=diversity,
        normalise=normalise,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    data = Data(ScoreRender("piano", size), (Crop(samples), ToFloat(), Keep("audio")))
    optimizer = adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)
    return plan.learn_top(
        data,
        samples,
        optimizer,
        below,
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=200,
        evaluate_limit=4,
        save_every=100,
        seed=seed,
    )
