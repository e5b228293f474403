"""A learned mel inversion of the embedded piano music: convolutions over frames, then Griffin-Lim.

Our own small vocoder, after Vocos (Siuzdak 2024) in its blocks, with phases from fast Griffin-Lim
instead of its network, so that steady notes keep their pitch. It has to beat
`mel_inversion_score_render`, which starts from the same mel spectrogram.
"""

from dataclasses import replace

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Gain, Keep, ToFloat
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.models.generation.mel_inversion import MelInverter
from zoo.objectives.phase_retrieval import PhaseRetrieval
from zoo.signal import mel
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 1_811_969}}
AGREES = {"tests/models/test_mel_inversion.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "width": 8,
    "blocks": 1,
    "samples": 4096,
    "batch": 2,
    "iterations": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    width: int = 256,
    blocks: int = 4,
    iterations: int = 32,
    samples: int = 16_384,
    batch: int = 8,
    steps: int = 2500,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    spec = replace(mel.HIFIGAN, sample_rate=16_000)
    model = MelInverter(spec, width, blocks, dtype=dtype)
    prepared = (Crop(samples), ToFloat(), Gain(0.3, 1.0, ("audio",)), Keep("audio"))
    return Experiment(
        data=Data(ScoreRender("piano", size), prepared),
        objective=PhaseRetrieval(model, spec, iterations, learns=True),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 100), clip_norm=1.0)},
        evaluation=Vocoding(spec),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=8,
        save_every=500,
        seed=seed,
    )
