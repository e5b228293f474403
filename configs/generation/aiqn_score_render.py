"""Implicit quantiles (AIQN, Ostrovski et al. 2018) on WaveNet's trunk, on the embedded piano music.

A WaveNet of 16 layers of 32 channels with a head that takes the level of a quantile. There is no
likelihood: `crps` is the mean distance to what was predicted, as a distribution, in amplitude; the
report has that of the sample before and of the distribution without a past beside it, the floors:
6,500 steps, five minutes of a core, gave .0025 against .0212 and .0518 on the test split.
The paper is about images: nothing outside agrees with this net; its loss recovers known quantiles.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.distributions import Quantiles
from zoo.evaluation.quantiles import QuantileScore
from zoo.experiment import Experiment
from zoo.models.generation.quantile_wavenet import QuantileWaveNet
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.implicit_quantiles import ImplicitQuantiles
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 103_585}}
AGREES = {}
SMOKE = {
    "size": "tiny",
    "layers": 4,
    "stacks": 2,
    "width": 8,
    "gate": 8,
    "skip": 8,
    "asked": 2,
    "samples": 256,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    layers: int = 16,
    stacks: int = 2,
    width: int = 32,
    gate: int = 32,
    skip: int = 32,
    draws: int = 4,
    knee: float = 0.002,
    asked: int = 16,
    samples: int = 1024,
    batch: int = 2,
    steps: int = 1000,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    trunk = WaveNet(
        layers,
        stacks,
        width,
        gate,
        skip,
        head=skip,
        distribution=Quantiles(),
        input="scalar",
        dtype=dtype,
    )
    model = QuantileWaveNet(trunk, dtype)
    context = model.receptive_field
    return Experiment(
        data=Data(ScoreRender("piano", size), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=ImplicitQuantiles(model, draws, knee, asked),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=QuantileScore(2 * samples + context, context, batch=1),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=4,
        save_every=200,
        seed=seed,
    )
