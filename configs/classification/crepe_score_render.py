"""CREPE on the embedded notes: pitch from 64 ms of samples; also what its published weights need.

capacity=full is the paper's network; the paper's own data (RWC-synth, MDB-stem-synth) are not
openly available as a whole. Windows come from the first 0.7 s of a note, where all of them sound.
Its bins begin at the rarity of a pitch and it trains without dropout (prior, dropout): so five
pitches in six are right after 565 steps (five minutes and a half here) and four in five after 242,
where without them one in seventeen was. For recordings take the published weights.
"""

import jax.numpy as jnp

from zoo import numerals
from zoo.data.pipeline import Data
from zoo.data.pitch_targets import PitchTarget, Span
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.errors import BadInput
from zoo.evaluation.pitch import Pitch
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.models.classification.crepe import CAPACITIES, SAMPLES, Crepe
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 486_552}}
AGREES = {"tests/models/test_crepe.py": "published weights, own twin"}
SMOKE = {"size": "tiny", "capacity": "1", "batch": 2, "steps": 2}


def config(
    size: str = "small",
    capacity: str = "tiny",
    dropout: float = 0.0,
    prior: float = -4.5,
    batch: int = 64,
    steps: int = 1500,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if (capacity not in CAPACITIES and not numerals.is_count(capacity)) or capacity == "0":
        raise BadInput(f"capacity={capacity}: choose a number or {', '.join(CAPACITIES)}")
    model = Crepe(
        CAPACITIES.get(capacity) or int(capacity), dropout=dropout, prior=prior, dtype=dtype
    )
    transforms = (
        Span(0, 11_200),
        Crop(SAMPLES),
        ToFloat(),
        PitchTarget(),
        Keep("audio", "salience"),
    )
    return Experiment(
        data=Data(ScoreRender("notes", size), transforms),
        objective=Supervised(model, binary_cross_entropy, target="salience", link=sigmoid),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50))},
        evaluation=Pitch(SAMPLES, last=11_200, batch=70),  # all windows of a note at once
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=100,
        save_every=250,
        seed=seed,
    )
