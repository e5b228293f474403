"""Fast Griffin-Lim (Perraudin et al. 2013) of the true magnitudes of the embedded piano music.

The ceiling of every vocoder that predicts magnitudes alone: nothing is lost but the phases.
momentum=0 is Griffin and Lim's own of 1984. Nothing is trained: evaluate.py --config
griffin_lim_score_render, and sample.py --config griffin_lim_score_render --input FILE.
"""

from dataclasses import replace

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.objectives.phase_retrieval import PhaseRetrieval
from zoo.signal import mel

ROWS = {"default": {"parameters": 0}}
AGREES = {"tests/signal/test_phase.py": "librosa"}
SMOKE = {"size": "tiny", "iterations": 2}


def config(
    size: str = "small",
    n_fft: int = 1024,
    hop: int = 256,
    iterations: int = 32,
    momentum: float = 0.99,
    seed: int = 0,
) -> Experiment:
    pad = ((n_fft - hop) // 2, n_fft - hop - (n_fft - hop) // 2)
    spec = replace(mel.HIFIGAN, sample_rate=16_000, n_fft=n_fft, hop=hop, pad=pad)
    return Experiment(
        data=Data(ScoreRender("piano", size), (Crop(64 * hop), ToFloat(), Keep("audio"))),
        objective=PhaseRetrieval(None, spec, iterations, momentum),
        optimizers={},
        evaluation=Vocoding(spec),
        batch=1,
        steps=0,
        seed=seed,
    )
