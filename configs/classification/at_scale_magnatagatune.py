"""Spectrogram and waveform front ends at scale, on MagnaTagATune (Pons et al., ISMIR 2018).

front=spectrogram or front=waveform; the back end is the same. The paper's figures are of all clips
of the test set (for the waveform .8905 / .3492), where this row takes the split of the benchmark.
The authors publish no training code: Adam and the rest are the benchmark's.
Trained as the benchmark (zoo/recipes/tagging.py): 200 epochs of 952 steps.
Audio is the reader's own download: path=FOLDER. Cost: not measured.
"""

import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.experiment import Experiment
from zoo.models.classification.at_scale import AtScale, SpectrogramFront, WaveformFront
from zoo.recipes.tagging import benchmark, corpus

ROWS = {
    "default": {
        "parameters": 5_924_154,
        "reported": {
            "roc_auc": 0.904,
            "pr_auc": 0.3811,
        },
        "source": "Pons et al. 2018; from memory, unchecked",
        "protocol": "all clips of the test set",
    },
    "waveform": {
        "arguments": {
            "front": "waveform",
        },
        "parameters": 5_377_082,
        "reported": {
            "roc_auc": 0.8905,
            "pr_auc": 0.3492,
        },
        "source": "Pons et al. 2018; from memory, unchecked",
        "protocol": "all clips of the test set",
    },
}
AGREES = {"tests/models/test_tagger_twins.py": "own twin"}
SMOKE = {"width": 1, "channels": 4, "hidden": 5, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/magnatagatune",
    labels: str = "magnatagatune",
    front: str = "spectrogram",
    width: int = 16,
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
    fronts = {
        "spectrogram": SpectrogramFront(width, dtype=dtype),
        "waveform": WaveformFront(dtype=dtype),
    }
    if front not in fronts:
        raise BadInput(f"front={front}: choose spectrogram or waveform")
    model = AtScale(tags, fronts[front], channels, hidden, dtype=dtype)
    return benchmark(
        model,
        source,
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
