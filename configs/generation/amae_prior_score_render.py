"""WaveNet over the upper codes of amae_top_score_render: new piano, from the top down to audio.

Train amae_score_render and amae_top_score_render before; below= and top= are their run directories,
and sizes those of these runs. A code stands for 4 ms; the prior looks back 1,023 of them. The
paper's pieces last 25 s, 6,250 codes at this level; amae_folder has its size. below="" top="" take
random codes, for tests.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.distributions import Tokens
from zoo.experiment import Experiment
from zoo.recipes.hierarchy import Bottleneck, Hierarchy
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 583_616}}
AGREES = {"tests/models/test_ada_parity.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "below": "",
    "top": "",
    "prior_layers": 2,
    "prior_width": 8,
    "layers": 2,
    "stacks": 1,
    "width": 8,
    "skip": 8,
    "encoder": 8,
    "depth": 1,
    "codes": 16,
    "samples": 4096,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    below: str = "runs/amae_score_render",
    top: str = "runs/amae_top_score_render",
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
    prior_layers: int = 18,
    prior_width: int = 64,
    samples: int = 65536,
    batch: int = 3,
    steps: int = 600,
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
    wide = 2 * prior_width
    sizes = dict(width=prior_width, gate=prior_width, skip=wide, head=wide)
    prior = plan.local_model(Tokens(codes), layers=prior_layers, stacks=2, **sizes)
    return plan.learn_prior(
        data,
        samples,
        optimizer,
        prior,
        below,
        top,
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=300,
        evaluate_limit=4,
        save_every=150,
        seed=seed,
    )
