"""Random filters and a linear SVM on the embedded music: a tagger without a gradient step.

Pons and Serra's untrained networks on whole clips of 3.7 s, with fewer filters; net=sample_level
reads the waveform, the others a mel spectrogram. Features are standardised, which the paper does
not do; one penalty for all tags is chosen on the validation split. elm=N fits an extreme learning
machine of N units instead, on features as they are. One or two minutes on two cores.
"""

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.models.classification.random_cnn import RandomNet, make_random_cnn
from zoo.objectives.fitted import Fitted
from zoo.objectives.shallow import LinearSVM
from zoo.objectives.shallow_nets import ExtremeLearning

ROWS = {
    "default": {"parameters": 17_940},
    "sample_level": {"arguments": {"net": "sample_level", "filters": 64}, "parameters": 8_980},
    "frame_level": {"arguments": {"net": "frame_level", "filters": 112}, "parameters": 8_980},
}
AGREES = {
    "tests/models/test_random_cnn_parity.py": "own twin",
    "tests/objectives/test_fitted.py": "scikit-learn",
}
SMOKE = {"size": "tiny", "filters": 4, "samples": 8_192, "batch": 4}

PENALTIES = (1e-4, 1e-3, 1e-2)  # of standardised features


def config(
    size: str = "small",
    net: RandomNet = "timbral_temporal",
    filters: int | None = 32,
    samples: int = 59_049,
    elm: int = 0,
    batch: int = 16,
    seed: int = 0,
) -> Experiment:
    source = ScoreRender("tagging", size)
    classifier = ExtremeLearning((elm,)) if elm else LinearSVM(PENALTIES)
    return Experiment(
        data=Data(source, (Crop(samples), ToFloat(), Keep("audio", "tags", "known"))),
        objective=Fitted(
            make_random_cnn(net, source.sample_rate, filters), classifier, standardise=not elm
        ),
        optimizers={},
        evaluation=Tagging(samples, batch=batch),
        batch=batch,
        steps=1,
        seed=seed,
    )
