"""MFCC and an SVM on Free Spoken Digits, one of six speakers left out: a baseline of minutes.

No paper. `python -m zoo repeat engineered_digits --folds 6 path=FOLDER`: each fold learns from five
speakers and is tested on the sixth. Nothing is chosen on what is tested: scikit-learn's defaults
for standardised features, no validation split of its own. Words shorter than a second are repeated;
frames of 32 ms every 10 ms, and 40 bands, are what speech is described by.
folds=0 is the official split, all speakers in all parts, which MFCC solve. features= and
classifier= as in engineered_score_render; those with a grid choose on a fifth speaker. path=FOLDER
is the clone of the data's repository.
"""

from zoo.data.folds import Folded
from zoo.data.sets.free_spoken_digits import FreeSpokenDigits
from zoo.experiment import Experiment
from zoo.models.classification.engineered import make_engineered
from zoo.recipes.engineered import FeatureSet, Shallow, engineered, one_label, shallow

ROWS = {
    "default": {
        "parameters": 495_046,
        "protocol": "leave one speaker out: five learn, the sixth is tested; nothing is chosen",
    },
}
AGREES = {
    "tests/models/test_engineered.py": "librosa",
    "tests/objectives/test_shallow_nets.py": "scikit-learn",
}
SMOKE = {"batch": 2, "rows": 20}


def config(
    path: str = "~/data/free-spoken-digit-dataset",
    features: FeatureSet = "mfcc",
    classifier: Shallow = "svm",
    seconds: float = 1.0,
    rows: int = 3_000,
    batch: int = 50,
    fold: int = 0,
    folds: int = 6,
    seed: int = 0,
) -> Experiment:
    source = FreeSpokenDigits(path, seconds=seconds)
    chooses = classifier not in ("svm", "mlp")
    return engineered(
        make_engineered(features, source.info.sample_rate, n_fft=256, hop=80, bands=40),
        Folded(source, fold, folds, group=1, validation=chooses) if folds else source,
        shallow(classifier, one_label(rows, standardised=True)),
        samples=source.shortest,
        batch=batch,
        standardise=classifier != "elm",
        group="track",
        seed=seed,
    )
