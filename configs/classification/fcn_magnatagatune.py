"""FCN on MagnaTagATune: Choi, Fazekas and Sandler, ISMIR 2016, as the benchmark of 2020 has it.

version=won is row "FCN" of Won et al. 2020, whose weights are won_fcn_mtat and, with
labels=million_song, won_fcn_msd. version=choi_3 to choi_7 are the paper's depths (ROC-AUC of the
author's slides: .852, .894 and .890 for 3, 4 and 5 layers; widths=8,8,8 and the like narrow them),
music_tagger_cnn and compact_cnn his public nets, the latter with weights compact_cnn_msd, which
want batches of different clips (see the model). All are
trained alike here; the paper says Adam and no more, compact_cnn took Adam at 0.005.
Trained as the benchmark: 200 epochs of 952 steps; how that differs from the authors' is told in
zoo/recipes/tagging.py. Audio is the reader's own download: path=FOLDER. Cost: not measured.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.models.classification.fcn import FCN
from zoo.models.classification.fcn import version as named
from zoo.recipes.tagging import benchmark, corpus

PAPER = {
    "roc_auc": 0.9005,
    "pr_auc": 0.4295,
    "source": "Won et al. 2020, figs/performance.png of the public repository",
}
PARAMETERS = 447_732
AGREES = {
    "tests/pretrained/test_tagger_weights.py": "published weights",
    "tests/models/test_tagger_twins.py": "PyTorch twin",
    "tests/models/test_taggers.py": "the public code's parameter count",
}
SMOKE = {"widths": (2, 2, 2, 2, 2), "batch": 2, "steps": 2}


def config(
    path: str = "~/data/magnatagatune",
    labels: str = "magnatagatune",
    version: str = "won",
    widths: tuple[int, ...] = (),
    batch: int = 16,
    steps: int = 190_400,
    learning_rate: float = 1e-4,
    weight_decay: float = 1e-4,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    arguments = named(version) | ({"widths": widths} if widths else {})
    rate = FCN(**arguments).spec.sample_rate
    source = corpus(labels, path, rate)
    model = FCN(len(source.info.labels), **arguments, dtype=dtype)
    return benchmark(
        model, source, batch=batch, steps=steps, learning_rate=learning_rate,
        weight_decay=weight_decay,
    )  # fmt: skip
