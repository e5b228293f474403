"""Convolutional deep belief net on the embedded music, 20 tags (Lee et al., NIPS 2009), narrow.

Two layers of 64 filters learnt without labels, and a machine with a Gaussian kernel for each tag.
seen=1 shows the classifier the first layer alone, which the paper has ahead. learnt=false leaves
the filters random. Minutes on two cores.
"""

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.layers.crbm import CRBM, FadedSpectrogram
from zoo.objectives.deep_belief import DeepBelief
from zoo.recipes.engineered import many_labels

ROWS = {
    "default": {"parameters": 497_109},
    "first_layer": {"arguments": {"seen": (1,)}, "parameters": 292_309},
    "random": {"arguments": {"learnt": False}, "parameters": 497_109},
}
AGREES = {
    "tests/objectives/test_deep_belief.py": "SciPy",
    "tests/objectives/test_fitted.py": "scikit-learn",
}
SMOKE = {
    "size": "tiny",
    "bases": 3,
    "components": 4,
    "samples": 8_192,
    "batch": 4,
    "epochs": 1,
}


def config(
    size: str = "small",
    bases: int = 64,
    components: int = 80,
    seen: tuple[int, ...] = (1, 2),
    learnt: bool = True,
    epochs: int = 10,
    samples: int = 59_049,
    rows: int = 1_600,
    batch: int = 8,
    seed: int = 0,
) -> Experiment:
    source = ScoreRender("tagging", size)
    return Experiment(
        data=Data(source, (Crop(samples), ToFloat(), Keep("audio", "tags", "known"))),
        objective=DeepBelief(
            FadedSpectrogram(),
            many_labels(rows),
            layers=(CRBM(bases), CRBM(bases, deviation=None)),
            seen=seen,
            components=components,
            epochs=epochs if learnt else 0,
            batch=batch,
        ),
        optimizers={},
        evaluation=Tagging(samples, batch=batch),
        batch=batch,
        steps=1,
        seed=seed,
    )
