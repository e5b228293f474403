"""One small vocoder against discriminators of seven structures, on the embedded piano music.

The tutorial's open question, what a discriminator's structure gives a generator: rows differ in the
discriminator alone (zoo/recipes/discriminators.py), the generator is a narrow HiFi-GAN (Kong et al.
2020) with its losses, of which the L1 of log mel spectrograms is weighed a third. An L1 of
magnitudes at six FFT sizes joins them, for mel filters are blind at 0 Hz: without it `resolutions`
made a constant of 0.07 and was worse than silence (spectral convergence 1.84; with it .92, the
constant .0015); linear=0 leaves it out. Nothing outside agrees with the small nets but our own
twin.
"""

from dataclasses import replace

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Gain, Keep, ToFloat
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.losses.adversarial import least_squares_discriminator, least_squares_generator
from zoo.models.generation.hifigan import Generator
from zoo.objectives.adversarial_vocoder import Vocoder
from zoo.recipes import discriminators, excitations
from zoo.signal import mel
from zoo.training.optimizers import adam

ROWS = {
    "default": {"parameters": 170_691},
    "shuffled": {"parameters": 170_691, "arguments": {"discriminator": "shuffled"}},
    "rates": {"parameters": 277_344, "arguments": {"discriminator": "rates"}},
    "dilated": {"parameters": 108_579, "arguments": {"discriminator": "dilated"}},
    "periods": {"parameters": 200_850, "arguments": {"discriminator": "periods"}},
    "spectrogram": {"parameters": 110_243, "arguments": {"discriminator": "spectrogram"}},
    "resolutions": {"parameters": 124_773, "arguments": {"discriminator": "resolutions"}},
}
AGREES = {"tests/models/test_discriminators.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "width": 16,
    "dilations": (1,),
    "discriminator": "shuffled",
    "critic_width": 2,
    "samples": 2048,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    discriminator: discriminators.Prior = "strided",
    critic_width: int = 8,
    width: int = 64,
    dilations: tuple[int, ...] = (1, 3, 5),
    matching: float = 2.0,
    spectral: float = 15.0,
    linear: float = 20.0,
    samples: int = 4096,
    excitation: excitations.Driven = "none",
    batch: int = 4,
    steps: int = 1000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    spec = replace(mel.HIFIGAN, sample_rate=16_000)
    optimizer = adam(learning_rate, b1=0.8, b2=0.99, weight_decay=0.01)
    return Experiment(
        data=Data(
            ScoreRender("piano", size),
            (Crop(samples), ToFloat(), Gain(0.3, 1.0, ("audio",)), Keep("audio")),
        ),
        objective=Vocoder(
            Generator(width=width, kernels=(3,), dilations=(dilations,), dtype=dtype),
            discriminators.discriminator(discriminator, critic_width, dtype),
            spec,
            discriminator_loss=least_squares_discriminator,
            generator_loss=least_squares_generator,
            feature_matching=matching,
            spectral=spectral,
            linear=linear,
            excitation=excitations.excitation(excitation, spec),
        ),
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=Vocoding(spec),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=8,
        save_every=500,
        seed=seed,
    )
