"""Random filters and an SVM on GTZAN's ten genres (Pons and Serra, ICASSP 2019, Figure 1).

Untrained networks of about 3,500 features, and their grid of kernels and penalties, at 12 kHz:
waveform nets on 350,000 samples, spectrogram nets on 1,404 frames. Default is the best, VGG. The
paper's error bars are mean and deviation over repeats: run several seeds. elm=True is its other
classifier, an extreme learning machine. rows is room for training clips. Some seconds per clip on
two cores. path=FOLDER is GTZAN, the reader's own, with the fault-filtered lists of its files beside
it (zoo/data/sets/gtzan.py says where they are).
"""

from zoo.data.folds import Folded
from zoo.data.pipeline import Data
from zoo.data.sets.gtzan import Gtzan
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.models.classification.random_cnn import RandomNet, make_random_cnn
from zoo.objectives.fitted import Fitted
from zoo.objectives.one_vs_one import PairwiseSVM
from zoo.objectives.shallow_nets import ExtremeLearning

ROWS = {
    "default": {
        "parameters": 3_630_046,
        "reported": {
            "accuracy": 0.6,
        },
        "source": (
            "Pons and Serra 2019, figure of GTZAN, VGG with an SVM, read off the "
            "chart to a hundredth, reported, unchecked"
        ),
    },
}
AGREES = {
    "tests/models/test_random_cnn_parity.py": "own twin",
    "tests/objectives/test_shallow_nets.py": "scikit-learn",
}
SMOKE = {"filters": 3, "samples": 9_000, "batch": 2, "rows": 20}


WAVEFORM_NETS = ("sample_level", "frame_level", "frame_level_many")
# Samples: 1,404 frames are what the shortest clips hold.
WAVEFORM, SPECTROGRAM = 350_000, 1_403 * 256


def config(
    path: str = "~/data/gtzan/genres",
    net: RandomNet = "vgg",
    filters: int | None = None,
    samples: int | None = None,
    rows: int = 1_000,
    elm: bool = False,
    batch: int = 5,
    fold: int = 0,
    folds: int = 0,
    seed: int = 0,
) -> Experiment:
    samples = samples or (WAVEFORM if net in WAVEFORM_NETS else SPECTROGRAM)
    clips = Gtzan(path, 12_000, seconds=SPECTROGRAM / 12_000)
    source = Folded(clips, fold, folds) if folds else clips
    classifier = ExtremeLearning() if elm else PairwiseSVM(rows)
    return Experiment(
        data=Data(source, (Crop(samples), ToFloat(), Keep("audio", "tags", "known"))),
        objective=Fitted(
            make_random_cnn(net, source.info.sample_rate, filters), classifier, standardise=False
        ),
        optimizers={},
        evaluation=Tagging(samples, batch=batch),
        batch=batch,
        steps=1,
        seed=seed,
    )
