"""SampleCNN 3^8 on the embedded music, 20 tags: the zoo's first run, minutes on two cores.

The paper's net with fewer channels, on 19,683 samples (1.2 s at 16 kHz); widths=128,256,512 depth=9
is its full size. What it learns is which instruments play, and a little of how.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.models.classification.samplecnn import SampleCNN
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 107_092}}
AGREES = {"tests/models/test_samplecnn_parity.py": "own twin"}
SMOKE = {"size": "tiny", "depth": 4, "widths": (4, 6, 8), "batch": 2, "steps": 2}


def config(
    size: str = "small",
    depth: int = 8,
    widths: tuple[int, int, int] = (32, 64, 128),
    batch: int = 16,
    steps: int = 900,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    source = ScoreRender("tagging", size)
    first, middle, last = widths
    model = SampleCNN(
        depth=depth,
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
        evaluate_every=300,
        save_every=100,
        seed=seed,
    )
