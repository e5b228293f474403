"""Scattering coefficients and ridge regression on the embedded music, without a gradient step.

Anden and Mallat's two orders of wavelets, eight and one to the octave, averaged over 256 ms; the
mean logarithm over 2 s stands for a clip in training, the mean score of two such segments in
evaluation. svm=true fits a linear SVM instead. About three minutes on two cores.
"""

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.models.classification.scattering import LogScattering
from zoo.objectives.fitted import Fitted
from zoo.objectives.shallow import LinearSVM, Ridge

ROWS = {"default": {"parameters": 9_120}}
AGREES = {
    "tests/signal/test_scattering.py": "kymatio",
    "tests/objectives/test_fitted.py": "scikit-learn",
}
SMOKE = {
    "size": "tiny",
    "octaves": 5,
    "per_octave": 4,
    "window": 512,
    "samples": 4_096,
    "batch": 4,
}

PENALTIES = {"svm": (1e-4, 1e-3, 1e-2), "ridge": (10.0, 100.0, 1e3)}


def config(
    size: str = "small",
    octaves: int = 11,
    per_octave: int = 8,
    window: int = 4_096,
    samples: int = 32_768,
    svm: bool = False,
    batch: int = 8,
    seed: int = 0,
) -> Experiment:
    source = ScoreRender("tagging", size)
    features = LogScattering(octaves, (per_octave, 1), window)
    classifier = LinearSVM(PENALTIES["svm"]) if svm else Ridge(PENALTIES["ridge"])
    return Experiment(
        data=Data(source, (Crop(samples), ToFloat(), Keep("audio", "tags", "known"))),
        objective=Fitted(features, classifier),
        optimizers={},
        evaluation=Tagging(samples, batch=batch, segments=2),
        batch=batch,
        steps=1,
        seed=seed,
    )
