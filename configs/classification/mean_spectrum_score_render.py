"""A perceptron on mean spectra on the embedded music, 20 tags (after Matityaho and Furst, 1995).

What spectra alone say, without time: what taggers since are to be compared with. Its paper's data
are nowhere to be had. A minute on two cores.
"""

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.classification.mean_spectrum import MeanSpectrum
from zoo.recipes.tagging import score_render_tagging

ROWS = {"default": {"parameters": 34_196}}
AGREES = {"tests/models/test_mean_spectrum.py": "SciPy"}
SMOKE = {"size": "tiny", "hidden": 4, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    hidden: int = 64,
    batch: int = 8,
    steps: int = 600,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
) -> Experiment:
    source = ScoreRender("tagging", size)
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = MeanSpectrum(len(source.info.labels), hidden=hidden, dtype=dtype)
    return score_render_tagging(
        model, source, batch=batch, steps=steps, learning_rate=learning_rate
    )
