"""Short-chunk CNN on MagnaTagATune (Won, Ferraro, Bogdanov and Serra, SMC 2020).

Rows "short-chunk CNN" and, with residual=true, "short-chunk CNN + Res" of the benchmark: chunks of
3.69 s, 16 of each clip averaged.
Trained as the benchmark (zoo/recipes/tagging.py): 200 epochs of 952 steps.
Audio is the reader's own download: path=FOLDER. Cost: not measured.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.models.classification.short_chunk import ShortChunk
from zoo.recipes.tagging import benchmark, corpus

ROWS = {
    "default": {
        "parameters": 3_687_348,
        "reported": {
            "roc_auc": 0.9126,
            "pr_auc": 0.459,
        },
        "source": "Won et al. 2020, figs/performance.png of the public repository",
    },
    "res": {
        "arguments": {
            "residual": True,
        },
        "parameters": 12_104_244,
        "reported": {
            "roc_auc": 0.9129,
            "pr_auc": 0.4614,
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
    residual: bool = False,
    batch: int = 16,
    steps: int = 190_400,
    learning_rate: float = 1e-4,
    weight_decay: float = 1e-4,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = corpus(labels, path)
    tags = len(source.info.labels)
    model = ShortChunk(tags, width, residual, dtype=dtype)
    return benchmark(
        model,
        source,
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
