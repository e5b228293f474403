"""VQ-VAE on the embedded piano music: 256 codes, 250 a second, and a WaveNet that plays them.

The paper's plan with a narrow encoder and 20 decoder layers of 32 channels, for two cores. After
740 steps (six minutes here) what comes back is noise with the music's spectrum; notes take more.
Latents are batch-normalised, and the codebook follows moving averages and restarts unused codes: in
short runs the paper's own codebook=loss normalise=False falls to a single code (watch
`perplexity`). vqvae_prior_score_render composes with these codes.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.errors import BadInput
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.vqvae import VQVAE
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.autoencoder import QuantisedAutoencoder
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 324_736}}
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
    layers: int = 20,
    stacks: int = 2,
    width: int = 32,
    skip: int = 64,
    encoder: int = 64,
    code_width: int = 32,
    codes: int = 256,
    codebook: str = "moving_average",
    normalise: bool = True,
    commitment: float = 0.25,
    samples: int = 4096,
    batch: int = 3,
    steps: int = 700,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if codebook not in ("loss", "moving_average"):
        raise BadInput(f"codebook={codebook}: choose loss or moving_average")
    decoder = WaveNet(
        layers,
        stacks,
        width,
        width,
        skip,
        head=skip,
        local_condition=code_width,
        upsampling=(4, 4, 4),
        dtype=dtype,
    )
    model = VQVAE(
        decoder,
        encoder,
        code_width,
        codes=codes,
        moving_average=codebook == "moving_average",
        decay=0.95,
        normalise=normalise,
        dtype=dtype,
    )
    context = -(-decoder.receptive_field // model.hop) * model.hop
    return Experiment(
        data=Data(ScoreRender("piano", size), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=QuantisedAutoencoder(model, commitment),
        optimizers={"autoencoder": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=Likelihood(2 * samples + context, context, batch=1),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=350,
        evaluate_limit=4,
        save_every=175,
        seed=seed,
    )
