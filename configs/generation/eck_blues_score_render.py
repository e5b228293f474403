"""LSTM blues (Eck and Schmidhuber 2002): twelve bars of chords, and a melody that follows them.

1,024 songs of two choruses out of 2^12, of bars of our own; validation and test have other ones.
Which of two bars comes is a coin: 2 x 12 ln 2 nats over 192 steps, .087 a step, is what cannot be
known. Counting each key alone gives 7.65, each step by the one before 2.62: a net that is to be
worth anything is below. They trained by plain descent, 1e-5 with momentum .9; here Adam. Nothing
outside agrees with it: there is no code of that time.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.instrument import Instrument
from zoo.data.transforms import Keep
from zoo.data.twelve_bars import BluesNotes, TwelveBars
from zoo.evaluation.rolls import RollScore
from zoo.experiment import Experiment
from zoo.models.generation.eck_blues import EckBlues
from zoo.objectives.blues import Blues
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 1_245}}
AGREES = {}
SMOKE = {"blocks": 2, "batch": 2, "steps": 2}


def config(
    blocks: int = 4,
    cells: int = 2,
    batch: int = 16,
    steps: int = 1500,
    learning_rate: float = 0.02,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = EckBlues(blocks, cells, jnp.bfloat16 if bfloat16 else jnp.float32)
    return Experiment(
        data=Data(TwelveBars(), (Keep("roll", "known"),)),
        objective=Blues(model, steps=BluesNotes(), instrument=Instrument()),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=100.0)},
        evaluation=RollScore((193,)),
        batch=batch,
        steps=steps,
        evaluate_every=500,
        save_every=500,
        log_every=100,
        seed=seed,
    )
