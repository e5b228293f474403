"""Creation by refinement (Lewis 1988): a critic of melodies, and melodies that it finds good.

It learns how much of two bars of a chorale's soprano was drawn anew; `score_error` is to be held
against score_error_of_their_mean, a constant's. What it composes began as noise and climbed its
judgement by gradients; every two bars by themselves. Adam where he had plain gradient descent.
Nothing outside agrees with it: there is no code of that time.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.instrument import Instrument
from zoo.data.score_render.melodies import EighthSlices
from zoo.data.score_render.scored_melodies import ScoredMelodies, Spoil
from zoo.data.transforms import Keep
from zoo.evaluation.critics import CriticScore
from zoo.experiment import Experiment
from zoo.models.generation.lewis import Lewis
from zoo.objectives.refinement import Refinement
from zoo.training.optimizers import adam

ROWS = {"default": {"parameters": 15_489}}
AGREES = {}
SMOKE = {"length": 8, "hidden": 4, "steps": 2}


def config(
    length: int = 16,
    hidden: int = 64,
    batch: int = 64,
    steps: int = 3000,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
) -> Experiment:
    model = Lewis(hidden, jnp.bfloat16 if bfloat16 else jnp.float32)
    return Experiment(
        data=Data(ScoredMelodies(length), (Spoil(), Keep("slices", "score"))),
        objective=Refinement(model, EighthSlices(), Instrument(), length),
        optimizers={"model": adam(learning_rate)},
        evaluation=CriticScore(),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        save_every=500,
        log_every=100,
    )
