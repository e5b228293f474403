"""CRNN on the embedded music, 20 tags: four 3 x 3 blocks, and two recurrent layers over 9 frames.

The nets of Choi et al. 2017 and of the benchmark of 2020 with a quarter of their channels, and
pools for 3.7 s in place of 29 s; framework=keras has the GRU of Keras 1. Minutes on two cores.
"""

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.classification.crnn import CRNN
from zoo.recipes.tagging import score_render_tagging

ROWS = {"default": {"parameters": 36_662}}
AGREES = {"tests/models/test_tagger_twins.py": "own twin"}
SMOKE = {"size": "tiny", "widths": (2, 2, 2, 2), "hidden": 3, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    widths: tuple[int, ...] = (16, 32, 32, 32),
    hidden: int = 32,
    recurrent: str = "gru",
    framework: str = "keras",
    batch: int = 8,
    steps: int = 600,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = ScoreRender("tagging", size)
    tags = len(source.info.labels)
    model = CRNN(
        tags,
        samples=59_049,
        widths=widths,
        pools=((2, 2), (3, 3), (2, 4), (2, 4)),
        hidden=hidden,
        recurrent=recurrent,
        framework=framework,
        dropout=0.3,
        dtype=dtype,
    )
    return score_render_tagging(
        model, source, batch=batch, steps=steps, learning_rate=learning_rate
    )
