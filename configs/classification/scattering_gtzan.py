"""Scattering coefficients and an SVM on GTZAN's ten genres (Anden and Mallat, 2014, two orders).

Windows of 2^14 samples (740 ms), eight and one wavelets to the octave, Gaussian kernels. The
paper's ten folds are `python -m zoo repeat scattering_gtzan --folds 10`. Differs: the mean log
coefficients of a clip are one example where theirs are frames that vote; guesses as in the model's
file. rows is room for training clips. A second per clip on two cores. path=FOLDER is GTZAN, the
reader's own.
"""

from zoo.data.folds import Folded
from zoo.data.pipeline import Data
from zoo.data.sets.gtzan import Gtzan
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.models.classification.scattering import LogScattering
from zoo.objectives.fitted import Fitted
from zoo.objectives.shallow import KernelSVM

ROWS = {
    "default": {
        "parameters": 653_011,
        "reported": {
            "accuracy": 0.893,
        },
        "source": (
            "Anden and Mallat 2014, error of order two 10.7 %, of order one 19.1 %,"
            " ten-fold cross-validation, reported, unchecked"
        ),
    },
}
AGREES = {
    "tests/signal/test_scattering.py": "kymatio",
    "tests/objectives/test_fitted.py": "scikit-learn",
}
SMOKE = {"octaves": 5, "per_octave": 3, "window": 512, "samples": 4_096, "batch": 2, "rows": 20}


def config(
    path: str = "~/data/gtzan/genres",
    octaves: int = 13,
    per_octave: int = 8,
    window: int = 16_384,
    order: int = 2,
    samples: int = 639_000,
    rows: int = 1_000,
    batch: int = 2,
    fold: int = 0,
    folds: int = 0,
    seed: int = 0,
) -> Experiment:
    clips = Gtzan(path, 22_050)
    source = Folded(clips, fold, folds) if folds else clips
    features = LogScattering(octaves, (per_octave, 1), window, order)
    return Experiment(
        data=Data(source, (Crop(samples), ToFloat(), Keep("audio", "tags", "known"))),
        objective=Fitted(features, KernelSVM(rows)),
        optimizers={},
        evaluation=Tagging(samples, batch=batch),
        batch=batch,
        steps=1,
        seed=seed,
    )
