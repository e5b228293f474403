"""Mel inversion of the embedded music: pseudo-inverse of the filters, then fast Griffin-Lim.

The floor of every vocoder: what 80 mel bins give without any training; music=notes: of single
notes of all instruments, as the rows of vocoders that are named so. method=least_squares is
librosa's, non-negative; the clipped pseudo-inverse is as near and cheaper. evaluate.py --config
mel_inversion_score_render, and sample.py --config mel_inversion_score_render --input FILE.
"""

from dataclasses import replace
from typing import Literal

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.models.generation.mel_inversion import PseudoInverse
from zoo.objectives.phase_retrieval import PhaseRetrieval
from zoo.signal import mel

ROWS = {
    "default": {"parameters": 0},
    "notes": {"parameters": 0, "arguments": {"music": "notes"}},
}
AGREES = {"tests/models/test_mel_inversion.py": "librosa"}
SMOKE = {"size": "tiny", "iterations": 2}


def config(
    size: str = "small",
    music: Literal["piano", "notes"] = "piano",
    method: str = "clipped",
    bins: int = 80,
    iterations: int = 32,
    momentum: float = 0.99,
    seed: int = 0,
) -> Experiment:
    spec = replace(mel.HIFIGAN, sample_rate=16_000, bins=bins)
    return Experiment(
        data=Data(ScoreRender(music, size), (Crop(16_384), ToFloat(), Keep("audio"))),
        objective=PhaseRetrieval(PseudoInverse(spec, method), spec, iterations, momentum),
        optimizers={},
        evaluation=Vocoding(spec),
        batch=1,
        steps=0,
        seed=seed,
    )
