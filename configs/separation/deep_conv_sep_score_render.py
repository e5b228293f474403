"""DeepConvSep (Chandna et al. 2017) on the four stems of the embedded music.

The authors' net, small as it is, on spectra of 64 ms; masks share the mixture among the stems,
which therefore sum to it. The loss is the squared error of magnitudes.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.losses.waveform import l2, source_sum
from zoo.models.separation.deep_conv_sep import DeepConvSep
from zoo.objectives.masking import Masking
from zoo.recipes import separation

ROWS = {"default": {"parameters": 578_682}}
AGREES = {"tests/models/test_deep_conv_sep.py": "its authors' parameter counts, own twin"}
SMOKE = {
    "size": "tiny",
    "n_fft": 64,
    "hop": 32,
    "filters": 3,
    "hidden": 5,
    "samples": 2048,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    n_fft: int = 1024,
    hop: int = 256,
    filters: int = 50,
    hidden: int = 128,
    samples: int = 32_000,
    batch: int = 4,
    steps: int = 1500,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = DeepConvSep(
        n_fft=n_fft,
        hop=hop,
        filters=filters,
        hidden=hidden,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    return separation.score_render_separation(
        Masking(model, source_sum(l2)),
        samples,
        size=size,
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        seed=seed,
    )
