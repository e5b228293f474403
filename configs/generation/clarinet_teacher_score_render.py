"""Gaussian WaveNet, the teacher of ClariNet (Ping et al. 2019), on the embedded piano music.

20 layers of 32 channels and 40 mel bins, so that two cores train it in minutes; width=128 gate=256
skip=128 bins=80 is the paper's size. It is a vocoder: audio from its mel spectrogram, sample by
sample. Train it before clarinet_student_score_render. A linear prediction of order 16 gives
-5.0 bits per sample.
"""

from dataclasses import replace

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.distributions import Gaussian
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.layers.initializers import torch
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.likelihood import Autoregressive
from zoo.signal import mel
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 297_138}}
AGREES = {"tests/models/test_wavenet_parity.py": "a public module, own twin"}
SMOKE = {
    "size": "tiny",
    "layers": 4,
    "width": 8,
    "gate": 8,
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
    gate: int = 32,
    skip: int = 64,
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
    model = WaveNet(
        layers,
        2,
        width,
        gate,
        skip,
        head=skip,
        distribution=Gaussian(),
        input="scalar",
        local_condition=bins,
        upsampling=(10, 20),
        dtype=dtype,
        starts=torch,
    )
    context = model.receptive_field
    return Experiment(
        data=Data(ScoreRender("piano", size), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=Autoregressive(
            model, condition=lambda batch: mel.log_mel(batch["audio"], spec)[..., 0]
        ),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=10.0)},
        evaluation=Likelihood(2 * samples + context, context, batch=1),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=400,
        evaluate_limit=4,
        save_every=200,
        seed=seed,
    )
