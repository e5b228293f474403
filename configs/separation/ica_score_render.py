"""FastICA (Hyvärinen, 1999) on four simulated microphones before the embedded music's stems.

With as many microphones as sources a matrix unmixes them; on a record, with fewer channels than
sources, it cannot. The references simulate the microphones and order the components; the unmixing
itself is blind, one matrix for each four seconds. Nothing is trained beforehand: evaluate.py
--config ica_score_render. A minute.
"""

from typing import Literal

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Group, Keep, Mixture, ToFloat
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.models.separation.ica import ICA
from zoo.objectives.closed_form import ClosedForm
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

ROWS = {"default": {"parameters": 0}}
AGREES = {"tests/models/test_ica.py": "scikit-learn"}
SMOKE = {"size": "tiny", "samples": 16_384, "iterations": 20}

SOURCES = ("bass", "drums", "other", "vocals")


def config(
    size: str = "small",
    contrast: Literal["logcosh", "cube"] = "logcosh",
    spill: float = 0.5,
    iterations: int = 200,
    samples: int = 65_536,
    seed: int = 0,
) -> Experiment:
    data = ScoreRender("stems", size)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    segments = Segments(samples, key="mixture")
    crop = min(samples, data.blank()["stems"].shape[1])
    return Experiment(
        data=Data(
            data, (Crop(crop), ToFloat(), Group(groups), Mixture(), Keep("mixture", "stems"))
        ),
        objective=ClosedForm(ICA(contrast, spill, iterations)),
        optimizers={},
        evaluation=Separation(Separator(segments, 16_000, 1, SOURCES), oracle=True),
        batch=1,
        steps=0,
        seed=seed,
    )
