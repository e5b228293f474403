"""Convolutional deep belief net on GTZAN's ten genres (Lee et al., NIPS 2009, sizes of the paper).

Two layers of 300 filters over six frames, pooled by three, of spectrograms whitened to 80
components. The paper's music (five genres of ISMIR 2004, few labelled clips of 3 s) has no public
split: the clips here are GTZAN's, and no number is claimed. rows is room for training clips.
path=FOLDER is the reader's own. The training split takes some 2 GB of memory. Cost: not measured.
"""

from zoo.data.folds import Folded
from zoo.data.pipeline import Data
from zoo.data.sets.gtzan import Gtzan
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.layers.crbm import CRBM, FadedSpectrogram
from zoo.objectives.deep_belief import DeepBelief
from zoo.recipes.engineered import one_label

ROWS = {"default": {"parameters": 1_929_946}}
AGREES = {
    "tests/objectives/test_deep_belief.py": "SciPy",
    "tests/objectives/test_fitted.py": "scikit-learn",
}
SMOKE = {"bases": 3, "components": 4, "samples": 8_000, "batch": 2, "rows": 20, "epochs": 1}


def config(
    path: str = "~/data/gtzan/genres",
    bases: int = 300,
    taps: int = 6,
    pool: int = 3,
    components: int = 80,
    seen: tuple[int, ...] = (1, 2),
    epochs: int = 10,
    samples: int = 464_000,
    rows: int = 1_000,
    batch: int = 8,
    fold: int = 0,
    folds: int = 0,
    seed: int = 0,
) -> Experiment:
    clips = Gtzan(path, 16_000)
    layers = (CRBM(bases, taps, pool), CRBM(bases, taps, pool, deviation=None))
    return Experiment(
        data=Data(
            Folded(clips, fold, folds) if folds else clips,
            (Crop(samples), ToFloat(), Keep("audio", "tags", "known")),
        ),
        objective=DeepBelief(
            FadedSpectrogram(),
            one_label(rows, standardised=True),
            layers=layers,
            seen=seen,
            components=components,
            epochs=epochs,
            batch=batch,
        ),
        optimizers={},
        evaluation=Tagging(samples, batch=batch),
        batch=batch,
        steps=1,
        seed=seed,
    )
