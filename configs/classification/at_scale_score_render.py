"""Spectrogram or waveform front end and one back end, on the embedded music, 20 tags.

The nets of Pons et al. 2018 with a quarter of their channels: width=16 channels=512 hidden=500 is
the full size. Minutes on two cores.
"""

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.errors import BadInput
from zoo.experiment import Experiment
from zoo.models.classification.at_scale import AtScale, SpectrogramFront, WaveformFront
from zoo.recipes.tagging import score_render_tagging

ROWS = {
    "default": {"parameters": 131_832},
    "waveform": {"arguments": {"front": "waveform"}, "parameters": 112_056},
}
AGREES = {"tests/models/test_tagger_twins.py": "own twin"}
SMOKE = {"size": "tiny", "width": 2, "channels": 4, "hidden": 5, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    front: str = "spectrogram",
    width: int = 4,
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
    narrow = tuple(width * factor for factor in (4, 4, 4, 8, 8, 8, 16))
    fronts = {
        "spectrogram": SpectrogramFront(width, dtype=dtype),
        "waveform": WaveformFront(narrow, dtype),
    }
    if front not in fronts:
        raise BadInput(f"front={front}: choose spectrogram or waveform")
    model = AtScale(tags, fronts[front], channels, hidden, 0.3, dtype=dtype)
    return score_render_tagging(
        model, source, batch=batch, steps=steps, learning_rate=learning_rate
    )
