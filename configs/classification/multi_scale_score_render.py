"""Multi-scale filters on samples on the embedded music, 20 tags: windows of 1, 4 and 40 ms.

The front end of Zhu et al. 2016 before the back end of Pons et al. 2018, both small. Minutes on two
cores.
"""

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.classification.multi_scale import MultiScale, MultiScaleFront
from zoo.recipes.tagging import score_render_tagging

ROWS = {"default": {"parameters": 161_128}}
AGREES = {"tests/models/test_tagger_twins.py": "own twin"}
SMOKE = {"size": "tiny", "filters": (2, 2, 2), "channels": 4, "hidden": 5, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    filters: tuple[int, int, int] = (16, 32, 64),
    channels: int = 64,
    hidden: int = 64,
    batch: int = 8,
    steps: int = 600,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = ScoreRender("tagging", size)
    tags = len(source.info.labels)
    front = MultiScaleFront(filters=filters, dtype=dtype)
    model = MultiScale(tags, front, channels, hidden, 0.3, dtype=dtype)
    return score_render_tagging(
        model, source, batch=batch, steps=steps, learning_rate=learning_rate
    )
