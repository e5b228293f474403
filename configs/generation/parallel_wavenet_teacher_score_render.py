"""WaveNet of 16-bit logistics, the teacher of Parallel WaveNet, on the embedded piano music.

20 layers of 32 channels and 40 mel bins, so that two cores train it in minutes; layers=30
width=512 skip=256 kernel=3 bins=80 is the paper's size. Train it before
parallel_wavenet_student_score_render.
"""

from dataclasses import replace

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.recipes import parallel_wavenet
from zoo.signal import mel
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 298_958}}
AGREES = {"tests/models/test_wavenet_parity.py": "a public module, own twin"}
SMOKE = {
    "size": "tiny",
    "layers": 2,
    "width": 8,
    "skip": 8,
    "bins": 8,
    "samples": 1200,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    layers: int = 20,
    width: int = 32,
    skip: int = 64,
    kernel: int = 2,
    bins: int = 40,
    samples: int = 8000,
    batch: int = 2,
    steps: int = 800,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    spec = replace(mel.TACOTRON2, sample_rate=16_000, n_fft=1024, hop=200, win=800, bins=bins)
    how = dict(width=width, gate=width, skip=skip, head=skip, dtype=dtype)
    return parallel_wavenet.teacher(
        parallel_wavenet.teacher_wavenet(spec, (10, 20), layers, kernel, **how),
        ScoreRender("piano", size),
        spec,
        adam(warmup_cosine(learning_rate, steps, 50), clip_norm=10.0),
        samples=samples,
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=400,
        evaluate_limit=4,
        save_every=200,
        seed=seed,
    )
