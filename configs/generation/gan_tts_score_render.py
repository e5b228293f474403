"""GAN-TTS (Binkowski et al., ICLR 2020) as a vocoder of the embedded piano music at 16 kHz.

Four blocks of a sixth of the paper's width, four of its ten discriminators and these an eighth as
wide, for two cores; 125 frames a second. folds=1,2,4,8,16 has all ten, which compile for minutes.
For so short a training L1s of log mel spectrograms and of magnitudes join the game; spectral=0
linear=0 leaves them out, as the paper does. Without the latter, as mel filters are blind at 0 Hz,
the sound became a constant of 0.1 with music 27 dB too quiet on top, worse than silence. The frames
are standardised and the last convolution has a gain of 0.1, for under spectral norm sound began at
full scale; batches are a quarter of what they were, for four times the steps. Nothing outside
agrees with it but our own twin: no code or weights of the authors are public.
"""

from dataclasses import replace

import jax.numpy as jnp

from zoo.arguments import OrNone
from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Gain, Keep, ToFloat
from zoo.experiment import Experiment
from zoo.models.generation.gan_tts import Discriminator, Generator
from zoo.recipes import gan_tts
from zoo.signal import mel

ROWS = {"default": {"parameters": 678_661}}
AGREES = {"tests/models/test_gan_tts.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "widths": (8,),
    "upsampling": (128,),
    "latent": 4,
    "folds": (8,),
    "narrower": 32,
    "ends": 0,
    "samples": 2048,
    "batch": 2,
    "steps": 2,
}

SPEC = replace(mel.HIFIGAN, sample_rate=16_000, hop=128, pad=(448, 448), compress=mel.standard_log)


def config(
    size: str = "small",
    widths: tuple[int, ...] = (128, 64, 64, 32),
    upsampling: tuple[int, ...] = (2, 4, 4, 4),
    gain: float = 0.1,
    latent: int = 32,
    folds: tuple[int, ...] = (2, 16),
    narrower: int = 8,
    ends: OrNone = 2,
    orthogonal: float = 1e-4,
    spectral: float = 20.0,
    linear: float = 3.0,
    samples: int = 4096,
    batch: int = 4,
    steps: int = 2000,
    learning_rate: float = 5e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    return gan_tts.gan_tts_experiment(
        Data(
            ScoreRender("piano", size),
            (Crop(samples), ToFloat(), Gain(0.3, 1.0, ("audio",)), Keep("audio")),
        ),
        Generator(latent=latent, widths=widths, upsampling=upsampling, gain=gain, dtype=dtype),
        Discriminator(SPEC.hop, folds, narrower, ends, dtype),
        SPEC,
        orthogonal=orthogonal,
        learning_rate=learning_rate,
        spectral=spectral,
        linear=linear,
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        standing_batches=16,
        evaluate_every=500,
        evaluate_limit=8,
        save_every=500,
        seed=seed,
    )
