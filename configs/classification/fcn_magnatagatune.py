"""FCN on MagnaTagATune: Choi, Fazekas and Sandler, ISMIR 2016, as the benchmark of 2020 has it.

version=won is row "FCN" of Won et al. 2020, whose weights are won_fcn_mtat and, with
labels=million_song, won_fcn_msd. The other rows are the paper's depths (choi_3 to choi_7; widths
narrow them) and its first author's public nets, music_tagger_cnn and compact_cnn; the weights of
the latter, compact_cnn_msd, want batches of different clips (see the model). All are trained alike
here; the paper says Adam and no more, and compact_cnn was trained by Adam at 0.005.
Trained as the benchmark (zoo/recipes/tagging.py): 200 epochs of 952 steps.
Audio is the reader's own download: path=FOLDER. Cost: not measured.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.models.classification.fcn import FCN, fcn_version
from zoo.recipes.tagging import benchmark, corpus

ROWS = {
    "default": {
        "parameters": 447_732,
        "reported": {
            "roc_auc": 0.9005,
            "pr_auc": 0.4295,
        },
        "source": "Won et al. 2020, figs/performance.png of the public repository",
    },
    "choi_3": {
        "arguments": {
            "version": "choi_3",
        },
        "parameters": 15_152_946,
        "reported": {
            "roc_auc": 0.852,
        },
        "source": "the first author's slides of ISMIR 2016",
    },
    "choi_4": {
        "arguments": {
            "version": "choi_4",
        },
        "parameters": 17_365_938,
        "reported": {
            "roc_auc": 0.894,
        },
        "source": "the first author's slides of ISMIR 2016",
    },
    "choi_5": {
        "arguments": {
            "version": "choi_5",
        },
        "parameters": 25_183_026,
        "reported": {
            "roc_auc": 0.89,
        },
        "source": "the first author's slides of ISMIR 2016",
    },
    "choi_6": {
        "arguments": {
            "version": "choi_6",
        },
        "parameters": 29_383_474,
    },
    "choi_7": {
        "arguments": {
            "version": "choi_7",
        },
        "parameters": 33_583_922,
    },
    "music_tagger_cnn": {
        "arguments": {
            "version": "music_tagger_cnn",
        },
        "parameters": 865_950,
    },
    "compact_cnn": {
        "arguments": {
            "version": "compact_cnn",
        },
        "parameters": 39_282,
    },
}
AGREES = {
    "tests/pretrained/test_tagger_weights.py": "published weights",
    "tests/models/test_tagger_twins.py": "own twin",
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
    arguments = fcn_version(version) | ({"widths": widths} if widths else {})
    rate = FCN(**arguments).spec.sample_rate
    source = corpus(labels, path, rate)
    model = FCN(len(source.info.labels), **arguments, dtype=dtype)
    return benchmark(
        model,
        source,
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
