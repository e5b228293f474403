"""SampleCNN 3^9 on MagnaTagATune (Lee, Park, Kim and Nam, SMC 2017; Applied Sciences 8:150, 2018).

Row 3^9 with 59,049 samples at 22,050 Hz of the table of m^n models; m, depth and stem give its
other rows. Split of the authors (15,244 / 1,529 / 4,332 clips), scores averaged over the ten
segments of a clip. Five stages of falling learning rate, each from the best weights so far; an
epoch is 6,628 steps of 23, some 6 minutes on one GPU of 2019 (a reimplementation's log).
Deviations: segments are cut at random, where the authors learn the ten of each clip; validation is
selected by average precision, not by the loss. Audio is the reader's own download: path=FOLDER.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.sets.magnatagatune import MagnaTagATune
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.models.classification.samplecnn import SampleCNN
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import inverse_time, nesterov
from zoo.training.stages import falling

ROWS = {
    "default": {
        "parameters": 1_869_874,
        "reported": {
            "roc_auc": 0.9055,
        },
        "source": (
            "Lee et al. 2018, table of m^n models; 3^9 checked on the poster of Kim et al. 2018"
        ),
    },
}
AGREES = {
    "tests/models/test_samplecnn_parity.py": "own twin",
    "tests/models/test_samplecnn.py": "a public code's parameter count",
}
SMOKE = {"depth": 4, "widths": (4, 6, 8), "batch": 2, "steps": 2}


def config(
    path: str = "~/data/magnatagatune",
    m: int = 3,
    depth: int = 9,
    stem: int = 3,
    widths: tuple[int, int, int] = (128, 256, 512),
    batch: int = 23,
    steps: int = 660_000,
    learning_rate: float = 0.01,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    first, middle, last = widths
    model = SampleCNN(m, depth, stem, first=first, middle=middle, last=last, dtype=dtype)
    return Experiment(
        data=Data(
            MagnaTagATune(path, protocol="sample_cnn", sample_rate=22_050),
            (Crop(model.samples), ToFloat(), Keep("audio", "tags")),
        ),
        objective=Supervised(model, binary_cross_entropy, link=sigmoid),
        optimizers={"model": nesterov(inverse_time(learning_rate, 1e-6))},
        evaluation=Tagging(model.samples, batch=batch),
        batch=batch,
        steps=steps,
        # The authors' patience of 3 lets an early Keras stop at the next bad epoch after 3.
        stages=falling(4, (1.0, 0.2, 0.04, 0.008, 0.0016), own_best=True),
        evaluate_every=15_244 * 10 // batch,
        save_every=1000,
        log_every=50,
        seed=seed,
    )
