"""Learnt bases (Jang and Lee, 2003) on the embedded music: a dictionary of waveforms for each stem.

128 filters of 8 ms are learnt by ICA from the training stems of each source, in about a minute;
what they find likeliest of a mixture is its separation: 2.5 dB on the test split, where the mixture
has 1.0 as every stem and NMF 2.1. `python -m zoo interpret RUN --kind bases`
shows them, those of drums and bass mostly one wave at several phases.
"""

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Group, Keep, Mixture, ToFloat
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.models.separation.learnt_bases import LearntBases
from zoo.objectives.source_bases import SourceBases
from zoo.recipes.separation import RATE, SOURCES
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

ROWS = {"default": {"parameters": 66_048}}
AGREES = {
    "tests/signal/test_independent_bases.py": "scikit-learn, SciPy",
    "tests/models/test_learnt_bases.py": "SciPy",
}
SMOKE = {
    "size": "tiny",
    "taps": 16,
    "hop": 8,
    "iterations": 2,
    "samples": 65_536,
    "frames": 500,
    "learning_steps": 5,
}


def config(
    size: str = "small",
    taps: int = 128,
    iterations: int = 10,
    hop: int = 32,
    rounded: float = 0.3,
    samples: int = 65_536,
    frames: int = 10_000,
    learning_steps: int = 250,
    batch: int = 8,
    seed: int = 0,
) -> Experiment:
    data = ScoreRender("stems", size)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    model = LearntBases(len(SOURCES), taps, iterations, hop, rounded)
    segments = Segments(samples, hop=3 * samples // 4, window="fade")
    changed = (Crop(samples), ToFloat(), Group(groups), Mixture(), Keep("mixture", "stems"))
    return Experiment(
        data=Data(data, changed),
        objective=SourceBases(model, frames, learning_steps, min(1024, frames)),
        optimizers={},
        evaluation=Separation(Separator(segments, RATE, 1, SOURCES)),
        batch=batch,
        steps=1,
        evaluate_limit=8,
        seed=seed,
    )
