"""Score-based models on the embedded piano: annealed Langevin dynamics, and SDEs run backwards.

Rows: default is Song and Ermon 2019 (NCSN): ten widths of noise, thirty steps at each; ve and vp
are Song et al. 2021's equations whose variance explodes or is kept, in 100 evaluations of the
reverse diffusion, for ve every other one of Langevin dynamics. One net for all, whose input is
brought to power one, and which finds the noise. Windows of 2,048 samples, 128 ms: samples are such
windows side by side. The report has the Fréchet distances of white noise and of noise of the
music's spectrum beside that of what is drawn: the floors, 827 and 268. After five minutes of a core
default is at 241, ve at 262 and vp at 188. With ten steps at each width, a third, default was at
744, worse the longer it learnt: each began in noise that the one before had left. The papers are
about images: nothing outside agrees with the net; noise processes are compared with closed forms.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.sampled import Sampled
from zoo.experiment import Experiment
from zoo.models.generation.score_net import ScoreNet
from zoo.objectives.score_matching import ScoreMatching
from zoo.sampling.noise_processes import (
    Annealed,
    NoiseProcess,
    VarianceExploding,
    VariancePreserving,
)
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {"parameters": 135_800},
    "ve": {"arguments": {"process": "exploding"}, "parameters": 135_800},
    "vp": {"arguments": {"process": "preserving"}, "parameters": 135_800},
}
AGREES = {}
SMOKE = {
    "size": "tiny",
    "width": 8,
    "layers": 2,
    "samples": 1024,
    "evaluations": 10,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    process: Literal["annealed", "exploding", "preserving"] = "annealed",
    widest: float = 5.0,
    finest: float = 0.01,
    evaluations: int = 100,
    width: int = 48,
    layers: int = 6,
    samples: int = 2048,
    batch: int = 8,
    steps: int = 600,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = ScoreNet(width=width, layers=layers, dtype=jnp.bfloat16 if bfloat16 else jnp.float32)
    processes: dict[str, NoiseProcess] = {
        "annealed": Annealed(widest, finest, each=max(3 * evaluations // 10, 1)),
        "exploding": VarianceExploding(widest, finest, max(evaluations // 2, 2)),
        "preserving": VariancePreserving(steps=evaluations),
    }
    return Experiment(
        data=Data(ScoreRender("piano", size), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=ScoreMatching(model, processes[process], samples),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=Sampled(samples, noise=True),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=600,
        save_every=200,
        seed=seed,
    )
