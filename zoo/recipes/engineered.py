"""Engineered features under a shallow classifier, and classifiers of fixed features by name."""

from __future__ import annotations

from functools import partial
from typing import Literal

from zoo.data.pipeline import Data
from zoo.data.source import Source
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.errors import BadInput
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.models.classification.engineered import Engineered
from zoo.objectives.bag_of_frames import BagOfFrames
from zoo.objectives.fitted import Fitted
from zoo.objectives.one_vs_one import PairwiseSVM
from zoo.objectives.shallow import KernelSVM, LinearSVM, Logistic, ShallowClassifier
from zoo.objectives.shallow_nets import ExtremeLearning, MultilayerPerceptron

FeatureSet = Literal["mfcc", "chroma", "low_level", "mel", "all", "bag_of_mfcc"]
Shallow = Literal["svm", "linear_svm", "logistic", "elm", "mlp"]

_WORDS = 256  # of the codebook of a bag


def shallow(name: Shallow, svm: ShallowClassifier) -> ShallowClassifier:
    """The classifier of that name; `svm` is what 'svm' means on these data."""
    found: dict[str, ShallowClassifier] = {
        "svm": svm,
        "linear_svm": LinearSVM((1e-4, 1e-3, 1e-2, 0.1)),
        "logistic": Logistic(),
        "elm": ExtremeLearning(),
        "mlp": MultilayerPerceptron(),
    }
    if name not in found:
        raise BadInput(f"classifier={name}: choose {', '.join(found)}")
    return found[name]


def one_label(rows: int, *, standardised: bool = False) -> ShallowClassifier:
    """SVC of one label out of K, with room for `rows` examples.

    Pons and Serra's grid of kernels and penalties, for features as they are; of standardised ones
    scikit-learn's defaults, so that nothing is chosen.
    """
    return PairwiseSVM(rows, ("auto",), (1.0,)) if standardised else PairwiseSVM(rows)


def many_labels(rows: int) -> ShallowClassifier:
    """A machine with a Gaussian kernel for each label, of standardised features."""
    return KernelSVM(rows, (2.0**-9, 2.0**-7), (0.5, 2.0, 8.0))


def engineered(
    model: Engineered,
    source: Source,
    chosen: ShallowClassifier,
    *,
    samples: int,
    batch: int,
    standardise: bool = True,
    group: Literal["record", "track"] = "record",
    seed: int = 0,
) -> Experiment:
    """Features that nobody learns over crops of `samples`, and a classifier fitted at once."""
    kind = partial(BagOfFrames, words=_WORDS) if model.frames else Fitted
    return Experiment(
        data=Data(source, (Crop(samples), ToFloat(), Keep("audio", "tags", "known"))),
        objective=kind(model, chosen, standardise=standardise),
        optimizers={},
        evaluation=Tagging(samples, batch=batch, group=group),
        batch=batch,
        steps=1,
        seed=seed,
    )
