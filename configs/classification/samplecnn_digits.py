"""SampleCNN on Free Spoken Digits, one of six speakers left out: from samples to words, in minutes.

No paper on these data. `python -m zoo repeat samplecnn_digits --folds 6 path=FOLDER`: each fold
learns from five speakers and is tested on the sixth, by the weights of the last step, since nothing
may be chosen on what is tested. The paper's net with fewer channels, on 6,561 samples (0.8 s at 8
kHz) of words that are repeated up to a second; engineered_digits is its baseline. folds=0 is the
official split. path=FOLDER is the clone of the data's repository.
"""

import jax.numpy as jnp

from zoo.data.folds import Folded
from zoo.data.pipeline import Data
from zoo.data.sets.free_spoken_digits import FreeSpokenDigits
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.models.classification.samplecnn import SampleCNN
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {
        "parameters": 93_322,
        "protocol": "leave one speaker out: five learn, the sixth is tested; the last weights",
    },
}
AGREES = {"tests/models/test_samplecnn_parity.py": "own twin"}
SMOKE = {"depth": 4, "widths": (4, 6, 8), "batch": 2, "steps": 2}


def config(
    path: str = "~/data/free-spoken-digit-dataset",
    depth: int = 7,
    widths: tuple[int, int, int] = (32, 64, 128),
    batch: int = 32,
    steps: int = 200,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    fold: int = 0,
    folds: int = 6,
    seed: int = 0,
) -> Experiment:
    source = FreeSpokenDigits(path)
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
    left_out = Folded(source, fold, folds, group=1, validation=False) if folds else source
    return Experiment(
        data=Data(left_out, (Crop(model.samples), ToFloat(), Keep("audio", "tags"))),
        objective=Supervised(model, binary_cross_entropy, link=sigmoid),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50))},
        evaluation=Tagging(model.samples, batch=32, group="track"),
        batch=batch,
        steps=steps,
        ema_decay=0.98,
        evaluate_every=steps,
        save_every=100,
        seed=seed,
    )
