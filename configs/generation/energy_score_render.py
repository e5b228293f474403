"""Energy-based model (Du, Mordatch 2019) on windows of the embedded piano music.

Windows of 1,024 samples, 64 ms, drawn by 200 steps of Langevin dynamics from noise; samples are
such windows side by side. The report has the Fréchet distances of white noise and of noise of the
music's spectrum beside that of what is drawn: the floors. The paper is about images: nothing
outside agrees with this net. Training's chains are pushed by ten times the noise of the released
code, which reaches more of the space in few steps; what is drawn is not: there as much lies above
the music's upper bands, and clips are then worse than noise of the spectrum.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.sampled import Sampled
from zoo.experiment import Experiment
from zoo.models.generation.energy import Energy
from zoo.objectives.energy_based import EnergyBased
from zoo.training.optimizers import adam

ROWS = {"default": {"parameters": 26_081}}
AGREES = {}
SMOKE = {
    "size": "tiny",
    "width": 8,
    "samples": 1024,
    "levels": 2,
    "buffer": 8,
    "langevin": 2,
    "long": 4,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    width: int = 32,
    levels: int = 3,
    langevin: int = 10,
    long: int = 200,
    buffer: int = 512,
    square: float = 1.0,
    samples: int = 1024,
    batch: int = 16,
    steps: int = 600,
    learning_rate: float = 3e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = Energy(samples, width, levels, dtype=jnp.bfloat16 if bfloat16 else jnp.float32)
    return Experiment(
        data=Data(ScoreRender("piano", size), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=EnergyBased(model, steps=langevin, long=long, buffer=buffer, square=square),
        optimizers={"model": adam(learning_rate, b1=0.0, b2=0.999, clip_norm=1.0)},
        evaluation=Sampled(samples, noise=True),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=300,
        save_every=200,
        seed=seed,
    )
