"""Wavenet regression (Lluís, Pons and Serra, Interspeech 2019), the voice's net, on MIR-1K.

The authors' singing voice net: vocals, the rest being the mixture less these, L1 less 0.05 times
the L1 between both; Adam at 1e-3, batch 10, target fields of 1,601 samples. Row narrow is what ten
minutes of one core can train, with longer fields.
Deviations: the authors never scored MIR-1K, so there is no figure to reach; crops begin anywhere.
Clipping, steps and a rate that falls by a cosine are ours.
Data are the reader's own download: path=FOLDER.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.losses.waveform import dissimilar_l1
from zoo.models.separation.wavenet_regression import WavenetRegression
from zoo.objectives.supervised import Supervised
from zoo.recipes import separation
from zoo.songs.segments import Segments
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {"parameters": 3_277_249},
    "narrow": {
        "arguments": {
            "width": 16,
            "skip": 32,
            "stacks": 2,
            "final": (128, 64),
            "samples": 8000,
            "batch": 4,
        },
        "parameters": 83_057,
    },
}
AGREES = {"tests/models/test_wavenet_regression.py": "its code's parameter counts, own twin"}
SMOKE = {
    "width": 4,
    "skip": 4,
    "stacks": 2,
    "layers": 2,
    "final": (6, 5),
    "samples": 41,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/MIR-1K",
    width: int = 64,
    skip: int = 64,
    stacks: int = 4,
    layers: int = 10,
    final: tuple[int, int] = (2048, 256),
    samples: int = 1601,
    dissimilarity: float = 0.05,
    batch: int = 10,
    steps: int = 20_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = WavenetRegression(
        sources=1,
        width=width,
        skip=skip,
        stacks=stacks,
        layers=layers,
        final=final,
        remainder=True,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    loss = dissimilar_l1(dissimilarity)
    return separation.mir_1k(
        Supervised(model, loss, input="mixture", target="stems"),
        adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0),
        Segments(model.input_length(4 * samples), 4 * samples, batch=2),
        model.input_length(samples),
        path=path,
        batch=batch,
        steps=steps,
        seed=seed,
    )
