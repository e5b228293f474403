"""WaveGRU (Kleijn et al. 2021), small, on the embedded piano music: a vocoder, four bands a step.

Two cores train it in minutes. The bits are those of a density over amplitudes of the bands, to be
compared with clarinet_teacher_score_render's: the filters between only turn phases. A linear
prediction of order 16 gives -5.0 bits per sample.
"""

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.generation.wavegru import WaveGRU
from zoo.recipes.wavegru import wavegru
from zoo.training.optimizers import warmup_cosine

ROWS = {"default": {"parameters": 204_320}}
AGREES = {"tests/models/test_wavegru.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "width": 8,
    "condition_width": 8,
    "hidden": 8,
    "samples": 640,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    width: int = 128,
    condition_width: int = 64,
    hidden: int = 64,
    samples: int = 12_800,
    batch: int = 3,
    steps: int = 400,
    learning_rate: float = 3e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = WaveGRU(width, condition_width, hidden, dtype=dtype)
    return wavegru(
        ScoreRender("piano", size),
        model,
        samples,
        warmup_cosine(learning_rate, steps, 20),
        batch,
        steps,
        tracks=False,
        every=200,
        ema_decay=0.99,
        evaluate_limit=4,
        seed=seed,
    )
