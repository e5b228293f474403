"""Todd's sequential network learns three embedded melodies by heart (Todd 1989).

Sopranos of three chorales, 16 eighths each: of longer ones a phrase comes twice, and 15 hidden
units with a fading state lose their place. 525 parameters. `slice_errors` is 0 where it plays all
of them without a mistake; silence would be wrong in every slice. `sample.py --seed 0 --num 3` has
it play the melodies, other seeds plans between two of them. Adam where he had plain gradient
descent. Nothing outside agrees with it: there is no code of that time.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.instrument import Instrument
from zoo.data.score_render.melodies import EighthSlices, Melodies
from zoo.data.transforms import Keep
from zoo.evaluation.melodies import MelodyRecall
from zoo.experiment import Experiment
from zoo.models.generation.todd import Todd
from zoo.objectives.planned_melodies import PlannedMelodies
from zoo.training.optimizers import adam

ROWS = {"default": {"parameters": 525}}
AGREES = {}
SMOKE = {"length": 8, "steps": 2}


def config(
    melodies: int = 3,
    length: int = 16,
    hidden: int = 15,
    decay: float = 0.8,
    batch: int = 3,
    steps: int = 1500,
    learning_rate: float = 0.02,
    bfloat16: bool = False,
) -> Experiment:
    source = Melodies(melodies, length)
    model = Todd(hidden=hidden, decay=decay, dtype=jnp.bfloat16 if bfloat16 else jnp.float32)
    return Experiment(
        data=Data(source, (Keep("plan", "slices"),)),
        objective=PlannedMelodies(model, EighthSlices(), Instrument(), melodies),
        optimizers={"model": adam(learning_rate)},
        evaluation=MelodyRecall(),
        batch=batch,
        steps=steps,
        evaluate_every=500,
        save_every=500,
        log_every=100,
    )
