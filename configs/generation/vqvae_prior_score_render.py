"""WaveNet over the codes of vqvae_score_render: new piano music, codes first and then audio.

Train vqvae_score_render before; autoencoder= is its run directory. A code stands for 4 ms, and the
prior's 18 layers look back 1,023 codes, four seconds. encoder, codes, codebook, layers, ... are
those of the autoencoder's run. autoencoder="" takes random codes, which only tests want.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.distributions import Tokens
from zoo.evaluation.codes import CodeLikelihood
from zoo.experiment import Experiment
from zoo.models.generation.vqvae import VQVAE
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.code_prior import CodePrior
from zoo.recipes.vqvae import Codebook, vqvae
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {"parameters": 583_616},
    "notes": {
        "arguments": {
            "music": "notes",
            "rate": 8000,
            "autoencoder": "runs/vqvae_score_render.notes",
            "layers": 9,
            "stacks": 1,
            "kernel": 3,
            "width": 48,
            "levels": 5,
            "samples": 16_384,
            "batch": 8,
        },
        "parameters": 583_616,
    },
}
AGREES = {"tests/models/test_wavenet_parity.py": "a public module, own twin"}
SMOKE = {
    "size": "tiny",
    "autoencoder": "",
    "layers": 4,
    "stacks": 2,
    "width": 8,
    "skip": 8,
    "encoder": 8,
    "code_width": 8,
    "codes": 16,
    "prior_layers": 4,
    "prior_width": 8,
    "samples": 2048,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    music: Literal["piano", "notes"] = "piano",
    rate: int = 16_000,
    autoencoder: str = "runs/vqvae_score_render",
    layers: int = 20,
    stacks: int = 2,
    kernel: int = 2,
    width: int = 32,
    skip: int = 64,
    encoder: int = 64,
    code_width: int = 32,
    codes: int = 256,
    levels: int = 6,
    codebook: Codebook = "moving_average",
    normalise: bool = True,
    prior_layers: int = 18,
    prior_width: int = 64,
    samples: int = 98_304,
    batch: int = 4,
    steps: int = 900,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    below: VQVAE = vqvae(
        layers=layers,
        stacks=stacks,
        kernel=kernel,
        width=width,
        skip=skip,
        encoder=encoder,
        code_width=code_width,
        codes=codes,
        levels=levels,
        codebook=codebook,
        normalise=normalise,
        dtype=dtype,
    )
    prior = WaveNet(
        prior_layers,
        2,
        prior_width,
        prior_width,
        2 * prior_width,
        head=2 * prior_width,
        distribution=Tokens(codes),
        dtype=dtype,
    )
    return Experiment(
        data=Data(ScoreRender(music, size, rate), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=CodePrior(prior, below),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=CodeLikelihood(samples, below.hop, codes, batch=2),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=300,
        evaluate_limit=10,
        save_every=150,
        seed=seed,
        initial={"autoencoder": autoencoder} if autoencoder else {},
    )
