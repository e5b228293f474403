"""Scattering and five GRU layers on MagnaTagATune (Song et al., Neurocomputing 292, 2018).

Its sizes are guesses (zoo/models/classification/scattering_rnn.py), and so is its training, which
is the benchmark's of 2020 (zoo/recipes/tagging.py): 200 epochs of 952 steps. Segments of 4 s.
Audio is the reader's own download: path=FOLDER. Cost: not measured.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.models.classification.scattering_rnn import ScatteringRNN
from zoo.recipes.tagging import benchmark, corpus
from zoo.signal.scattering import Scattering

ROWS = {
    "default": {
        "parameters": 2_139_442,
        "reported": {"roc_auc": 0.909},
        "source": "Song et al. 2018, reported, unchecked",
    },
}
AGREES = {
    "tests/signal/test_scattering.py": "kymatio",
    "tests/models/test_scattering_rnn.py": "own twin",
}
SMOKE = {
    "octaves": 5,
    "per_octave": 2,
    "window": 512,
    "samples": 4_096,
    "hidden": 4,
    "layers": 2,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/magnatagatune",
    octaves: int = 11,
    per_octave: int = 8,
    window: int = 4_096,
    samples: int = 65_536,
    hidden: int = 256,
    layers: int = 5,
    batch: int = 16,
    steps: int = 190_400,
    learning_rate: float = 1e-4,
    weight_decay: float = 1e-4,
    bfloat16: bool = False,
) -> Experiment:
    source = corpus("magnatagatune", path)
    model = ScatteringRNN(
        len(source.info.labels),
        Scattering(octaves, (per_octave, 1), window),
        samples,
        hidden,
        layers,
        jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    return benchmark(
        model,
        source,
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
