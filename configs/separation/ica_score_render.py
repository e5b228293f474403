"""FastICA (Hyvärinen, 1999) on four simulated microphones before the embedded music's stems.

With as many microphones as sources a matrix unmixes them, blindly, one for each window; on a
record, with fewer channels than sources, it cannot. `sample.py --config ica_score_render
microphones=2 --input stereo.wav` unmixes two sources from two channels. Nothing is trained.
"""

from typing import Literal

from zoo.experiment import Experiment
from zoo.models.separation.ica import ICA
from zoo.recipes import blind

ROWS = {"default": {"parameters": 0}}
AGREES = {"tests/models/test_ica.py": "scikit-learn"}
SMOKE = {"size": "tiny", "samples": 16_384, "iterations": 20}


def config(
    size: str = "small",
    contrast: Literal["logcosh", "cube"] = "logcosh",
    microphones: int = 4,
    spill: float = 0.5,
    iterations: int = 200,
    samples: int = 262_144,
    seed: int = 0,
) -> Experiment:
    return blind.score_render_blind_separation(
        ICA(contrast, iterations),
        samples,
        size=size,
        sources=microphones,
        microphones=microphones,
        spill=spill,
        seed=seed,
    )
