"""Self-attention on the embedded music, 20 tags: a Transformer over the frames of timbral filters.

The nets of Won et al. 2019 (version=lee or pons) and 2020 (version=won) with 64 channels. Minutes
on two cores.
"""

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.classification.self_attention import make_tagger
from zoo.recipes.tagging import score_render_tagging

ROWS = {"default": {"parameters": 185_590}}
AGREES = {"tests/models/test_tagger_twins.py": "own twin"}
SMOKE = {"size": "tiny", "features": 8, "layers": 1, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    version: str = "pons",
    features: int = 64,
    layers: int = 2,
    batch: int = 8,
    steps: int = 600,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = ScoreRender("tagging", size)
    tags = len(source.info.labels)
    model = make_tagger(version, tags, dtype, features=features).clone(
        samples=59_049, layers=layers, dropout=0.1, attention_dropout=0.1, top_dropout=0.3
    )
    return score_render_tagging(
        model, source, batch=batch, steps=steps, learning_rate=learning_rate
    )
