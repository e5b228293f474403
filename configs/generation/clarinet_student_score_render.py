"""ClariNet's parallel student (Ping et al. 2019) on the embedded piano music.

teacher=RUN is a run of clarinet_teacher_score_render whose `teacher_` sizes these are. teacher= (of
no run) leaves the frozen teacher at random, which serves the tests alone. 4 flows of 8 layers of 24
channels, so that two cores train it in minutes; flows=6 layers=10 width=64 gate=128 skip=64 is the
paper's size. A demonstration: reverse KL seeks one mode, which suits speech better than music.
Deviation: it starts quiet, since the paper's start, noise at full level, is far from any music.
"""

from dataclasses import replace

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.distributions import Gaussian
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.layers.initializers import torch
from zoo.models.generation.gaussian_iaf import GaussianIAF
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.distillation import Distillation
from zoo.signal import mel
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 221_584}}
AGREES = {"tests/models/test_clarinet_parity.py": "own twin"}
SMOKE = {
    "teacher": "",
    "size": "tiny",
    "flows": 2,
    "layers": 2,
    "width": 8,
    "gate": 8,
    "skip": 8,
    "teacher_layers": 4,
    "teacher_width": 8,
    "teacher_skip": 8,
    "bins": 8,
    "samples": 1200,
    "batch": 2,
    "steps": 2,
}


def config(
    teacher: str = "runs/clarinet_teacher_score_render",
    size: str = "small",
    flows: int = 4,
    layers: int = 8,
    width: int = 24,
    gate: int = 24,
    skip: int = 24,
    teacher_layers: int = 20,
    teacher_width: int = 32,
    teacher_skip: int = 64,
    bins: int = 40,
    samples: int = 8000,
    batch: int = 2,
    steps: int = 600,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    spec = replace(mel.TACOTRON2, sample_rate=16_000, n_fft=1024, hop=200, win=800, bins=bins)
    # In bfloat16 the teacher's hidden layers round, too; its Gaussians' head is float32.
    wavenet = WaveNet(
        teacher_layers,
        2,
        teacher_width,
        teacher_width,
        teacher_skip,
        head=teacher_skip,
        distribution=Gaussian(),
        input="scalar",
        local_condition=bins,
        upsampling=(10, 20),
        dtype=dtype,
        starts=torch,
    )
    student = GaussianIAF(flows, layers, width, gate, skip, quiet=-4.0, dtype=dtype)
    return Experiment(
        data=Data(ScoreRender("piano", size), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=Distillation(student, wavenet, spec, transform=(1024, 200, 800)),
        optimizers={"student": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=10.0)},
        evaluation=Vocoding(spec),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=300,
        evaluate_limit=4,
        save_every=150,
        seed=seed,
        initial={"teacher": teacher} if teacher else {},
    )
