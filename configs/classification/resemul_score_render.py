"""SampleCNN with squeeze-and-excitation and multi-level features on the embedded music, 20 tags.

The net of Kim, Lee and Nam (2018) with a quarter of the channels and the narrow excitation of 2019,
on 19,683 samples (1.2 s at 16 kHz): minutes on two cores. block=rese_2 ratio=16
widths=128,256,512 depth=9 is the full size. Each block sows its gates as `excitation`.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.models.classification.resemul import ReSEMul
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {"parameters": 169_492},
    "se": {"arguments": {"multi": False}, "parameters": 117_396},
    "rese_2": {"arguments": {"block": "rese_2", "multi": False}, "parameters": 246_484},
}
AGREES = {"tests/models/test_resemul.py": "own twin"}
SMOKE = {"size": "tiny", "depth": 4, "widths": (4, 6, 8), "ratio": 2.0, "batch": 3, "steps": 2}


def config(
    size: str = "small",
    block: str = "se",
    multi: bool = True,
    ratio: float = 0.125,
    depth: int = 8,
    widths: tuple[int, int, int] = (32, 64, 128),
    batch: int = 16,
    steps: int = 800,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    source = ScoreRender("tagging", size)
    first, middle, last = widths
    model = ReSEMul(
        block,
        multi,
        ratio,
        depth,
        labels=len(source.info.labels),
        first=first,
        middle=middle,
        last=last,
        dropout=0.2,
        mean=0.0,
        std=0.1,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    return Experiment(
        data=Data(source, (Crop(model.samples), ToFloat(), Keep("audio", "tags", "known"))),
        objective=Supervised(model, binary_cross_entropy, mask="known", link=sigmoid),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50))},
        evaluation=Tagging(model.samples, batch=32),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=200,
        save_every=100,
        seed=seed,
    )
