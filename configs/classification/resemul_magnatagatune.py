"""SampleCNN with residual and squeeze-excitation blocks on MagnaTagATune (Kim et al., ICASSP 2018).

Default: ReSE-2 with multi-level features, the best row. Others by block=..., multi=..., ROC-AUC
with multi-level | single-level features: basic .9077 | .9055, se .9111 | .9083, res_1 .9037 |
.9048, res_2 .9098 | .9061, rese_1 .9053 | .9066, rese_2 .9113 | .9102. ratio=0.125 is the narrow
excitation of the journal version (JSTSP 2019), 5 instead of 27 million parameters.
Scores are averaged over the ten segments of a clip; five stages of learning rate, each from the
best weights so far. An epoch is 6,628 steps of 23; ReSE-2 takes 1.7 times as long as SE.
Deviations: as samplecnn_magnatagatune, random segments and validation by average precision.
Audio is the reader's own download: path=FOLDER.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.sets.magnatagatune import MagnaTagATune
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.models.classification.resemul import ReSEMul
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import inverse_time, nesterov
from zoo.training.stages import falling

ROWS = {
    "default": {
        "parameters": 26_980_146,
        "reported": {
            "roc_auc": 0.9113,
        },
        "source": (
            "Kim, Lee and Nam, ICASSP 2018, ReSE-2 with multi-level features (their poster)"
        ),
    },
}
AGREES = {"tests/models/test_resemul.py": "own twin"}
SMOKE = {"depth": 4, "widths": (4, 6, 8), "ratio": 2.0, "batch": 3, "steps": 2}


def config(
    path: str = "~/data/magnatagatune",
    block: str = "rese_2",
    multi: bool = True,
    ratio: float = 16.0,
    depth: int = 9,
    widths: tuple[int, int, int] = (128, 256, 512),
    batch: int = 23,
    steps: int = 660_000,
    learning_rate: float = 0.01,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    first, middle, last = widths
    model = ReSEMul(
        block,
        multi,
        ratio,
        depth,
        first=first,
        middle=middle,
        last=last,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
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
        # The authors' patience of 2 lets an early Keras stop at the next bad epoch after 2.
        stages=falling(3, (1.0, 0.2, 0.04, 0.008, 0.0016), own_best=True),
        evaluate_every=15_244 * 10 // batch,
        save_every=1000,
        log_every=50,
        seed=seed,
    )
