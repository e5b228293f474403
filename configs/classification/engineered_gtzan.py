"""MFCC and an SVM on GTZAN's ten genres: the baseline of Pons and Serra (2019), of Choi (2017).

Mean and deviation of 20 coefficients, their differences and the differences of these, at 12 kHz
from 29 s; machines between every two genres with the best of a grid of kernels and penalties, on
features as they are. features= takes others, classifier= others (svm, linear_svm, logistic, elm,
mlp). `python -m zoo repeat engineered_gtzan.ten_folds --folds 10` is Choi's protocol, but for what
chooses from the grid: a fold of validation, where he reports the best of the grid on the tested
folds themselves. rows is room for training clips. path=FOLDER is GTZAN, the reader's own, with the
fault-filtered lists beside it for the first row. Seconds of a CPU beside decoding.
"""

from zoo.data.folds import Folded
from zoo.data.sets.gtzan import Gtzan
from zoo.experiment import Experiment
from zoo.models.classification.engineered import make_engineered
from zoo.recipes.engineered import FeatureSet, Shallow, engineered, one_label, shallow

ROWS = {
    "default": {
        "parameters": 165_046,
        "reported": {"accuracy": 0.535},
        "source": "Pons and Serra 2019, figure of GTZAN, MFCC with an SVM, read off the chart",
    },
    "ten_folds": {
        "arguments": {"folds": 10},
        "parameters": 165_046,
        "reported": {"accuracy": 0.66},
        "source": (
            "Choi et al. 2017, table of github.com/keunwoochoi/transfer_learning_music, compared; "
            "the best of the grid on the tested folds"
        ),
    },
}
AGREES = {
    "tests/models/test_engineered.py": "librosa",
    "tests/objectives/test_shallow_nets.py": "scikit-learn",
}
SMOKE = {"samples": 4_096, "batch": 2, "rows": 20}


def config(
    path: str = "~/data/gtzan/genres",
    features: FeatureSet = "mfcc",
    classifier: Shallow = "svm",
    samples: int = 348_000,
    rows: int = 1_000,
    batch: int = 8,
    fold: int = 0,
    folds: int = 0,
    seed: int = 0,
) -> Experiment:
    source = Gtzan(path, 12_000)
    return engineered(
        make_engineered(features, source.info.sample_rate),
        Folded(source, fold, folds) if folds else source,
        shallow(classifier, one_label(rows)),
        samples=samples,
        batch=batch,
        standardise=classifier not in ("svm", "elm"),
        seed=seed,
    )
