"""Argmax autoencoder (Dieleman et al. 2018) on the embedded piano: 256 codes, one in 8 samples.

The lowest level of a hierarchy: encoder, modulator and local model are narrow, for two cores, and
queries are batch-normalised, so that no code is dead from the start (normalise=False is the
paper's); bottleneck=codebook learns vectors instead. Watch `perplexity` and `live`.
amae_top_score_render makes codes of these codes, amae_prior_score_render composes with those.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.experiment import Experiment
from zoo.recipes.hierarchy import Bottleneck, Hierarchy
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 478_624}}
AGREES = {"tests/models/test_ada_parity.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "layers": 2,
    "stacks": 1,
    "width": 8,
    "skip": 8,
    "encoder": 8,
    "depth": 1,
    "codes": 16,
    "samples": 512,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
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
    samples: int = 4096,
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
    return plan.learn_bottom(
        data,
        samples,
        optimizer,
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=200,
        evaluate_limit=4,
        save_every=100,
        seed=seed,
    )
