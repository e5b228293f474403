"""DDSP, tiny decoder, on the embedded notes: one model plays all families of instruments.

The paper's tiny size with a learned vector for the instrument (ours) instead of one model each, so
that `sample.py --input hum.wav --num 12` plays a tune on twelve of them; no reverb, the notes are
dry. The pitch of a note is its key's, held to the end. Five minutes on two cores; gru=512 width=512
layers=3 harmonics=100 is the paper's size.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.orchestration import INSTRUMENT_FAMILIES
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.resynthesis import Resynthesised
from zoo.experiment import Experiment
from zoo.models.generation.ddsp import DDSP, RnnFcDecoder
from zoo.objectives.resynthesis import Resynthesis
from zoo.pretrained.pitch_tracker import PitchTracker
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 1_090_366}}
AGREES = {"tests/models/test_ddsp.py": "own twin"}
SMOKE = {"size": "tiny", "gru": 8, "harmonics": 8, "samples": 4096, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    width: int = 256,
    layers: int = 1,
    gru: int = 256,
    harmonics: int = 60,
    samples: int = 16_384,
    batch: int = 8,
    steps: int = 500,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    decoder = RnnFcDecoder(width, layers, gru, dtype)
    model = DDSP(decoder, harmonics, classes=len(INSTRUMENT_FAMILIES), reverb=0)
    keys = ("pitch", "family")
    transforms = (Crop(samples), ToFloat(), Keep("audio", *keys))
    return Experiment(
        data=Data(ScoreRender("notes", size), transforms),
        objective=Resynthesis(model, "pitch", "family", PitchTracker()),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=3.0)},
        evaluation=Resynthesised(samples, model.hop, keys=keys),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=250,
        evaluate_limit=64,
        save_every=100,
        seed=seed,
    )
