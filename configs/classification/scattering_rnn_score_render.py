"""Scattering and a recurrent net on the embedded music, 20 tags (after Song et al., 2018).

Wavelets of two orders, frames of a quarter of a second, two GRU layers over two seconds. Minutes on
two cores.
"""

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.classification.scattering_rnn import ScatteringRNN
from zoo.recipes.tagging import score_render_tagging
from zoo.signal.scattering import Scattering

ROWS = {"default": {"parameters": 110_548}}
AGREES = {
    "tests/signal/test_scattering.py": "kymatio",
    "tests/models/test_scattering_rnn.py": "own twin",
}
SMOKE = {
    "size": "tiny",
    "octaves": 5,
    "per_octave": 2,
    "window": 512,
    "samples": 4_096,
    "hidden": 4,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    octaves: int = 10,
    per_octave: int = 8,
    window: int = 4_096,
    samples: int = 32_768,
    hidden: int = 64,
    layers: int = 2,
    batch: int = 16,
    steps: int = 600,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
) -> Experiment:
    source = ScoreRender("tagging", size)
    model = ScatteringRNN(
        len(source.info.labels),
        Scattering(octaves, (per_octave, 1), window),
        samples,
        hidden,
        layers,
        jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    return score_render_tagging(
        model, source, batch=batch, steps=steps, learning_rate=learning_rate
    )
