"""Multi-scale filters on samples, on MagnaTagATune (front end of Zhu, Engel and Hannun, 2016).

The paper recognises speech: no published figure is of this task. Windows of 1, 4 and 40 ms; the
back end is that of at_scale_magnatagatune.
Trained as the benchmark (zoo/recipes/tagging.py): 200 epochs of 952 steps.
Audio is the reader's own download: path=FOLDER. Cost: not measured.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.models.classification.multi_scale import MultiScale, MultiScaleFront
from zoo.recipes.tagging import benchmark, corpus

ROWS = {"default": {"parameters": 5_101_146}}
AGREES = {"tests/models/test_tagger_twins.py": "own twin"}
SMOKE = {"filters": (2, 2, 2), "channels": 4, "hidden": 5, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/magnatagatune",
    labels: str = "magnatagatune",
    filters: tuple[int, int, int] = (32, 64, 128),
    channels: int = 512,
    hidden: int = 500,
    batch: int = 16,
    steps: int = 190_400,
    learning_rate: float = 1e-4,
    weight_decay: float = 1e-4,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = corpus(labels, path)
    tags = len(source.info.labels)
    front = MultiScaleFront(filters=filters, dtype=dtype)
    model = MultiScale(tags, front, channels, hidden, dtype=dtype)
    return benchmark(
        model,
        source,
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
