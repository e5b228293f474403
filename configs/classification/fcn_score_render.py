"""FCN on the embedded music, 20 tags: five 3 x 3 blocks down to a single vector.

The benchmark's net with a quarter of its channels, and pools for 3.7 s in place of 29 s. Minutes on
two cores.
"""

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.classification.fcn import FCN
from zoo.recipes.tagging import score_render_tagging

ROWS = {"default": {"parameters": 33_494}}
AGREES = {"tests/models/test_tagger_twins.py": "own twin"}
SMOKE = {"size": "tiny", "widths": (2, 2, 2, 2, 2), "batch": 2, "steps": 2}


def config(
    size: str = "small",
    widths: tuple[int, ...] = (16, 32, 32, 32, 32),
    batch: int = 8,
    steps: int = 600,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = ScoreRender("tagging", size)
    tags = len(source.info.labels)
    pools = ((2, 2), (2, 2), (3, 2), (4, 3), (4, 4))  # 192 of 231 frames, all 96 bins
    model = FCN(tags, samples=59_049, widths=widths, pools=pools, dropout=0.3, dtype=dtype)
    return score_render_tagging(
        model, source, batch=batch, steps=steps, learning_rate=learning_rate
    )
