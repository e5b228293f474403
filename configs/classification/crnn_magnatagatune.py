"""CRNN on MagnaTagATune: Choi, Fazekas, Sandler and Cho, ICASSP 2017, as the benchmark has it.

version=won is row "CRNN" of Won et al. 2020, whose weights are won_crnn_mtat and, with
labels=million_song, won_crnn_msd. version=choi is the author's public net, whose weights are
choi_crnn_msd (.8662 on the Million Song Dataset, its README). recurrent=lstm is a variant.
Trained as the benchmark (zoo/recipes/tagging.py): 200 epochs of 952 steps.
Audio is the reader's own download: path=FOLDER. Cost: not measured.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.models.classification.crnn import CRNN, crnn_version
from zoo.recipes.tagging import benchmark, corpus

ROWS = {
    "default": {
        "parameters": 394_100,
        "reported": {
            "roc_auc": 0.8722,
            "pr_auc": 0.3625,
        },
        "source": "Won et al. 2020, figs/performance.png of the public repository",
    },
    "choi": {
        "arguments": {
            "version": "choi",
        },
        "parameters": 396_786,
    },
}
AGREES = {
    "tests/pretrained/test_tagger_weights.py": "published weights",
    "tests/models/test_tagger_twins.py": "own twin",
    "tests/models/test_taggers.py": "the public code's parameter count",
}
SMOKE = {"widths": (2, 2, 2, 2), "hidden": 3, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/magnatagatune",
    labels: str = "magnatagatune",
    version: str = "won",
    recurrent: str = "gru",
    widths: tuple[int, ...] = (64, 128, 128, 128),
    hidden: int = 32,
    batch: int = 16,
    steps: int = 190_400,
    learning_rate: float = 1e-4,
    weight_decay: float = 1e-4,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    sizes = dict(widths=widths, hidden=hidden, recurrent=recurrent)
    arguments = crnn_version(version) | sizes
    rate = CRNN(**arguments).spec.sample_rate
    source = corpus(labels, path, rate)
    model = CRNN(len(source.info.labels), **arguments, dtype=dtype)
    return benchmark(
        model,
        source,
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
