"""Engineered features and shallow classifiers on the embedded music: what learning has to beat.

MFCC statistics of clips of 3.7 s under one machine with a Gaussian kernel per tag, the grid chosen
on the validation split. features=chroma, low_level, mel, all or bag_of_mfcc (a codebook of 256
words, found by k-means on training frames); classifier=linear_svm, logistic, elm or mlp. Under a
minute on two cores.
"""

from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.classification.engineered import make_engineered
from zoo.recipes.engineered import FeatureSet, Shallow, engineered, many_labels, shallow

ROWS = {
    "default": {"parameters": 224_021},
    "low_level": {"arguments": {"features": "low_level"}, "parameters": 92_821},
    "bag_of_mfcc": {"arguments": {"features": "bag_of_mfcc"}, "parameters": 441_621},
}
AGREES = {
    "tests/models/test_engineered.py": "librosa",
    "tests/objectives/test_bag_of_frames.py": "scikit-learn",
    "tests/objectives/test_fitted.py": "scikit-learn",
}
SMOKE = {"size": "tiny", "samples": 8_192, "batch": 4}


def config(
    size: str = "small",
    features: FeatureSet = "mfcc",
    classifier: Shallow = "svm",
    samples: int = 59_049,
    rows: int = 1_600,
    batch: int = 16,
    seed: int = 0,
) -> Experiment:
    source = ScoreRender("tagging", size)
    return engineered(
        make_engineered(features, source.info.sample_rate),
        source,
        shallow(classifier, many_labels(rows)),
        samples=samples,
        batch=batch,
        standardise=classifier != "elm",
        seed=seed,
    )
