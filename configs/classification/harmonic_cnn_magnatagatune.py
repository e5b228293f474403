"""HarmonicCNN on MagnaTagATune (Won, Chun, Nieto and Serra, ICASSP 2020).

Row "harmonic CNN" of the benchmark of 2020: 5 s, 16 of each clip averaged. In the paper's own
repository (.9141 / .4646, reported, unchecked) Adam goes to SGD after 60 epochs.
Trained as the benchmark (zoo/recipes/tagging.py): 200 epochs of 952 steps.
Audio is the reader's own download: path=FOLDER. Cost: not measured.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.models.classification.harmonic_cnn import HarmonicCNN
from zoo.recipes.tagging import benchmark, corpus

ROWS = {
    "default": {
        "parameters": 3_631_551,
        "reported": {
            "roc_auc": 0.9127,
            "pr_auc": 0.4611,
        },
        "source": "Won et al. 2020, figs/performance.png of the public repository",
    },
}
AGREES = {
    "tests/models/test_tagger_twins.py": "own twin",
    "tests/models/test_taggers.py": "the public code's parameter count",
}
SMOKE = {"width": 2, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/magnatagatune",
    labels: str = "magnatagatune",
    width: int = 128,
    batch: int = 16,
    steps: int = 190_400,
    learning_rate: float = 1e-4,
    weight_decay: float = 1e-4,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = corpus(labels, path)
    tags = len(source.info.labels)
    model = HarmonicCNN(tags, width, dtype=dtype)
    return benchmark(
        model,
        source,
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
