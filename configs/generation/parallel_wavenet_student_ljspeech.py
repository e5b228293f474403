"""Parallel WaveNet (van den Oord et al., ICML 2018, table 1): the student, at 24 kHz.

Four logistic flows of 10, 10, 10 and 30 layers of 64 channels, distilled from a run of
parallel_wavenet_teacher_ljspeech: teacher=RUN. teacher= (of no run) leaves the frozen teacher at
random, which serves the tests alone. Trained as its teacher is (remembered, unchecked).
Deviations and guesses: see zoo/objectives/density_distillation.py; eight draws a sample; it starts
quiet, since logistic noise at full level is far from any sound. Nothing outside agrees with its
count: no code of the authors is public.
"""

import jax.numpy as jnp

from zoo.data.sets.folder import Folder
from zoo.experiment import Experiment
from zoo.models.generation.gaussian_iaf import GaussianIAF
from zoo.recipes import parallel_wavenet
from zoo.signal import mel
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 2_604_552,
        "reported": {"mean_opinion_score": 4.41},
        "source": "table 1, distilled; its teacher 4.41 (reported, unchecked)",
    },
}
AGREES = {"tests/models/test_parallel_wavenet.py": "SciPy"}
SMOKE = {
    "teacher": "",
    "layers": (1, 2),
    "width": 8,
    "teacher_layers": 2,
    "teacher_width": 8,
    "teacher_skip": 8,
    "draws": 2,
    "samples": 1200,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/ljspeech",
    teacher: str = "runs/parallel_wavenet_teacher_ljspeech",
    layers: tuple[int, ...] = (10, 10, 10, 30),
    width: int = 64,
    teacher_layers: int = 30,
    teacher_width: int = 512,
    teacher_skip: int = 256,
    draws: int = 8,
    contrastive: float = 0.3,
    power: float = 1e-4,
    samples: int = 7680,
    batch: int = 32,
    steps: int = 1_000_000,
    learning_rate: float = 2e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    spec, dtype = mel.TACOTRON2, jnp.bfloat16 if bfloat16 else jnp.float32
    sizes = dict(gate=width, skip=width, front=1, weight_norm=False, quiet=-4.0, dtype=dtype)
    wide = dict(width=teacher_width, gate=teacher_width, skip=teacher_skip, head=teacher_skip)
    return parallel_wavenet.student(
        GaussianIAF(len(layers), tuple(layers), width, **sizes),
        parallel_wavenet.teacher_wavenet(spec, (15, 20), teacher_layers, 3, dtype=dtype, **wide),
        Folder(path, spec.sample_rate, chunk_seconds=1.0),
        spec,
        adam(learning_rate),
        teacher=teacher,
        draws=draws,
        contrastive=contrastive,
        power=power,
        transform=(1024, 300),
        samples=samples,
        tracks=True,
        batch=batch,
        steps=steps,
        ema_decay=0.9999,
        evaluate_every=5000,
        evaluate_limit=50,
        save_every=2000,
        seed=seed,
    )
