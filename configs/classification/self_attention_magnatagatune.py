"""Self-attention on MagnaTagATune (Won, Chun and Serra, 2019; the benchmark of SMC 2020).

version=won is row "self-attention" of the benchmark: 15 s, 16 of each clip averaged. version=pons
and version=lee are the paper's nets on spectrograms and on samples, with their positions; the paper
trains them without L2, by ROC-AUC, and goes to SGD after 60 epochs. Heat maps: see the model.
Trained as the benchmark (zoo/recipes/tagging.py): 200 epochs of 952 steps.
Audio is the reader's own download: path=FOLDER. Cost: not measured.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.models.classification.self_attention import make_tagger
from zoo.recipes.tagging import benchmark, corpus

ROWS = {
    "default": {
        "parameters": 10_521_652,
        "reported": {
            "roc_auc": 0.9077,
            "pr_auc": 0.4445,
        },
        "source": "Won et al. 2020, figs/performance.png of the public repository",
    },
    "pons": {
        "arguments": {
            "version": "pons",
        },
        "parameters": 6_882_452,
    },
    "lee": {
        "arguments": {
            "version": "lee",
        },
        "parameters": 7_190_258,
    },
}
AGREES = {
    "tests/models/test_tagger_twins.py": "own twin",
    "tests/models/test_taggers.py": "the public code's parameter count",
}
SMOKE = {"features": 8, "layers": 1, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/magnatagatune",
    labels: str = "magnatagatune",
    version: str = "won",
    features: int = 0,
    layers: int = 2,
    batch: int = 16,
    steps: int = 190_400,
    learning_rate: float = 1e-4,
    weight_decay: float = 1e-4,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = corpus(labels, path)
    tags = len(source.info.labels)
    front = {"features": features} if features else {}
    model = make_tagger(version, tags, dtype, **front).clone(layers=layers)
    return benchmark(
        model,
        source,
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
