"""Parallel WaveNet's student (van den Oord et al. 2018) on the embedded piano music.

teacher=RUN is a run of parallel_wavenet_teacher_score_render whose `teacher_` sizes these are.
teacher= (of no run) leaves the frozen teacher at random, which serves the tests alone. 4 flows of
6, 6, 6 and 10 layers of 24 channels, so that two cores train it in minutes; layers=10,10,10,30
width=64 is the paper's size. A demonstration: reverse KL seeks one mode, which suits speech better
than music.
"""

from dataclasses import replace

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.generation.gaussian_iaf import GaussianIAF
from zoo.recipes import parallel_wavenet
from zoo.signal import mel
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 187_208}}
AGREES = {"tests/models/test_parallel_wavenet.py": "SciPy"}
SMOKE = {
    "teacher": "",
    "size": "tiny",
    "layers": (1, 2),
    "width": 8,
    "teacher_layers": 2,
    "teacher_width": 8,
    "teacher_skip": 8,
    "bins": 8,
    "draws": 2,
    "samples": 1200,
    "batch": 2,
    "steps": 2,
}


def config(
    teacher: str = "runs/parallel_wavenet_teacher_score_render",
    size: str = "small",
    layers: tuple[int, ...] = (6, 6, 6, 10),
    width: int = 24,
    teacher_layers: int = 20,
    teacher_width: int = 32,
    teacher_skip: int = 64,
    bins: int = 40,
    draws: int = 4,
    contrastive: float = 0.3,
    power: float = 1e-4,
    samples: int = 8000,
    batch: int = 2,
    steps: int = 600,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    spec = replace(mel.TACOTRON2, sample_rate=16_000, n_fft=1024, hop=200, win=800, bins=bins)
    sizes = dict(gate=width, skip=width, front=1, weight_norm=False, quiet=-4.0, dtype=dtype)
    wide = dict(width=teacher_width, gate=teacher_width, skip=teacher_skip, head=teacher_skip)
    return parallel_wavenet.student(
        GaussianIAF(len(layers), tuple(layers), width, **sizes),
        parallel_wavenet.teacher_wavenet(spec, (10, 20), teacher_layers, 2, dtype=dtype, **wide),
        ScoreRender("piano", size),
        spec,
        adam(warmup_cosine(learning_rate, steps, 50), clip_norm=10.0),
        teacher=teacher,
        draws=draws,
        contrastive=contrastive,
        power=power,
        transform=(1024, 200),
        samples=samples,
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=300,
        evaluate_limit=4,
        save_every=150,
        seed=seed,
    )
