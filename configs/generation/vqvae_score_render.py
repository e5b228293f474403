"""VQ-VAE on the embedded piano music: 256 codes, 250 a second, and a WaveNet that plays them.

The paper's plan with a narrow encoder and 20 decoder layers of 32 channels, for two cores. Row
notes is for single notes at 8 kHz: one stack of kernels of three, by Muon, under noise on the past
that the decoder reads, or it leans on that alone.
Latents are batch-normalised, and the codebook follows moving averages and restarts unused codes: in
short runs the paper's own codebook=loss normalise=False falls to a single code (watch
`perplexity`). Then the latents' size says nothing, and the paper's commitment, .25 of a distance
summed over channels, presses them into one dimension, of which the decoder makes no use: here it
is a fiftieth of it. After nine minutes of a core five of eight held-out notes come back within 20
cents; their level wanders, which the past tells and the codes do not have to.
vqvae_prior_score_render composes with these codes.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.vqvae import VQVAE
from zoo.objectives.autoencoder import QuantisedAutoencoder
from zoo.recipes.vqvae import Codebook, vqvae
from zoo.training.optimizers import adam, muon_and_adam, warmup_cosine

ROWS = {
    "default": {"parameters": 324_736},
    "notes": {
        "arguments": {
            "music": "notes",
            "rate": 8000,
            "layers": 9,
            "stacks": 1,
            "kernel": 3,
            "width": 48,
            "levels": 5,
            "disturbance": 6.0,
            "batch": 2,
            "steps": 5000,
            "with_muon": True,
            "learning_rate": 0.02,
        },
        "parameters": 321_792,
    },
}
AGREES = {
    "tests/models/test_vqvae_parity.py": "own twin",
    "tests/layers/test_quantizer.py": "a public quantiser's module",
}
SMOKE = {
    "size": "tiny",
    "layers": 4,
    "stacks": 2,
    "width": 8,
    "skip": 8,
    "encoder": 8,
    "code_width": 8,
    "codes": 16,
    "samples": 512,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    music: Literal["piano", "notes"] = "piano",
    rate: int = 16_000,
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
    commitment: float = 0.005,
    disturbance: float = 0.0,
    samples: int = 4096,
    batch: int = 3,
    steps: int = 700,
    with_muon: bool = False,
    learning_rate: float = 2e-3,
    adam_rate: float = 3e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model: VQVAE = vqvae(
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
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    context = -(-model.decoder.receptive_field // model.hop) * model.hop
    optimizer = adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)
    if with_muon:
        rates = (learning_rate, adam_rate, steps)
        optimizer = muon_and_adam(*rates, spared=("output", "latent"), clip_norm=1.0)
    return Experiment(
        data=Data(ScoreRender(music, size, rate), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=QuantisedAutoencoder(model, commitment, disturbance=disturbance or None),
        optimizers={"autoencoder": optimizer},
        evaluation=Likelihood(2 * samples + context, context, batch=1),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=350,
        evaluate_limit=4,
        save_every=175,
        seed=seed,
    )
