"""Deep image prior (Ulyanov et al. 2018) for audio: untrained networks fitted to one noisy clip.

Nothing is trained before. `evaluate.py --config deep_prior_score_render` adds noise to embedded
piano music (or with hole=0.03 cuts holes into it) and scores what a network makes of it.
`sample.py --config deep_prior_score_render --input noisy.wav` denoises a file of one's own; with
--holes 1.2-1.25,3-3.1 it fills these seconds and leaves the rest. Rows are structures: what each
fits first is the figure fits_first.png. Papers' networks are larger; nothing outside agrees.
"""

from typing import Literal

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.restoration import Restoration
from zoo.experiment import Experiment
from zoo.models.generation.deep_prior import of_kind
from zoo.objectives.deep_prior import DeepPrior

ROWS = {
    "default": {"parameters": 0},
    "dilated": {"parameters": 0, "arguments": {"prior": "dilated"}},
    "spectrogram": {"parameters": 0, "arguments": {"prior": "spectrogram"}},
    "harmonic": {"parameters": 0, "arguments": {"prior": "harmonic"}},
}
AGREES = {}
SMOKE = {"size": "tiny", "width": 2, "levels": 2, "samples": 4096, "steps": 4, "looks": 2}


def config(
    size: str = "small",
    prior: Literal["waveform", "dilated", "spectrogram", "harmonic"] = "waveform",
    width: int = 16,
    levels: int = 5,
    samples: int = 32_768,
    steps: int = 300,
    looks: int = 15,
    learning_rate: float = 1e-2,
    noise_db: float = 10.0,
    hole: float = 0.0,
    seed: int = 0,
) -> Experiment:
    model = of_kind(prior, width=width, levels=levels)
    return Experiment(
        data=Data(ScoreRender("piano", size), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=DeepPrior(model, samples, steps, looks, learning_rate),
        optimizers={},
        evaluation=Restoration(
            samples,
            noise_db,
            hole,
            looks=tuple(steps // looks * (i + 1) for i in range(looks)),
        ),
        batch=1,
        steps=0,
        seed=seed,
    )
