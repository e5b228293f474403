"""Variational autoencoder (Kingma, Welling 2014) on the embedded piano, and how it collapses.

Rows: default has a weak decoder, every sample by itself given 32 latents, whose divergence weighs
all after a warm-up; strong a WaveNet without one, which sees the samples before and has no need of
latents; free_bits is the same net with .5 nats a latent that cost nothing. `active_latents` and the
figure kl_per_latent of the report show a collapse. The weak decoder collapsed from either start:
from a deviation of exp(-2) without a warm-up no latent is active from step 10 on; from exp(-4) with
one all are after 490 steps, at 18 nats, and none after the row's 5,500, which end at -1.32 bits.
The WaveNet with free bits keeps all of them. Windows of 1,024 samples, 64 ms: samples are such
windows side by side. White noise of the music's level gives -1.4 bits per sample, a linear
prediction of order 16 gives -5.0. The paper is about images: nothing outside agrees with it.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.distributions import Gaussian
from zoo.evaluation.latents import Latents
from zoo.experiment import Experiment
from zoo.models.generation.vae import VAE
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.variational import Variational
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {"parameters": 255_874},
    "strong": {"arguments": {"decoder": "wavenet", "warmup": 0}, "parameters": 296_738},
    "free_bits": {
        "arguments": {"decoder": "wavenet", "free_bits": 0.5, "warmup": 200},
        "parameters": 296_738,
    },
}
AGREES = {}
SMOKE = {
    "size": "tiny",
    "latents": 4,
    "width": 8,
    "samples": 256,
    "levels": 2,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    decoder: Literal["factorised", "wavenet"] = "factorised",
    latents: int = 32,
    width: int = 64,
    levels: int = 4,
    layers: int = 7,
    beta: float = 1.0,
    warmup: int = 400,
    free_bits: float = 0.0,
    dither: float = 1.0,
    samples: int = 1024,
    batch: int = 16,
    steps: int = 1500,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    local = WaveNet(
        layers,
        1,
        24,
        24,
        32,
        head=32,
        distribution=Gaussian(),
        input="scalar",
        local_condition=16,
        upsampler="repeat",
        dtype=dtype,
    )
    model = VAE(
        samples, latents, width, levels, local if decoder == "wavenet" else None, dtype=dtype
    )
    return Experiment(
        data=Data(ScoreRender("piano", size), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=Variational(model, beta, warmup, free_bits, dither),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=Latents(samples),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=8,
        save_every=250,
        seed=seed,
    )
