"""HarmonicCNN on the embedded music, 20 tags: six spectrograms, one for each multiple of the pitch.

The published net with an eighth of its channels, on 3.7 s; width=128 is its full size, and its last
two pools are smaller. Minutes on two cores.
"""

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.classification.harmonic_cnn import HarmonicCNN
from zoo.recipes.tagging import score_render_tagging

ROWS = {"default": {"parameters": 58_769}}
AGREES = {"tests/models/test_tagger_twins.py": "own twin"}
SMOKE = {"size": "tiny", "width": 2, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    width: int = 16,
    batch: int = 8,
    steps: int = 600,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = ScoreRender("tagging", size)
    tags = len(source.info.labels)
    pools = ((2, 2), (3, 2))
    model = HarmonicCNN(tags, width, pools, samples=59_049, dropout=0.3, dtype=dtype)
    return score_render_tagging(
        model, source, batch=batch, steps=steps, learning_rate=learning_rate
    )
