"""Multi-band MelGAN (Yang et al. 2021) as a vocoder of the embedded piano music at 16 kHz.

A quarter of the port's width, for two cores; the discriminator begins in the second half.
width=384 discriminator_width=16 most=512 dilations=1,3,9,27 is the port's size.
"""

from dataclasses import replace
from functools import partial

import jax.numpy as jnp
import optax

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Gain, Keep, ToFloat
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.models.generation.melgan import Discriminator, MultiBandGenerator
from zoo.objectives.multi_band_vocoder import MultiBandVocoder
from zoo.signal import mel

ROWS = {"default": {"parameters": 592_658}}
AGREES = {
    "tests/models/test_melgan.py": "own twin",
    "tests/pretrained/test_mb_melgan_weights.py": "published weights",
}
SMOKE = {
    "size": "tiny",
    "width": 16,
    "dilations": (1,),
    "scales": 1,
    "discriminator_width": 4,
    "most": 16,
    "samples": 2048,
    "batch": 2,
    "begin": 1,
    "steps": 2,
}


def config(
    size: str = "small",
    width: int = 96,
    dilations: tuple[int, ...] = (1, 3, 9, 27),
    mean: float = -2.2,
    std: float = 1.0,
    scales: int = 3,
    discriminator_width: int = 8,
    most: int = 128,
    begin: int = 1500,
    samples: int = 8192,
    batch: int = 8,
    steps: int = 2500,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    log10 = partial(mel.log10_clamp, floor=1e-10)
    spec = replace(mel.MELGAN, sample_rate=16_000, compress=log10)
    generator = MultiBandGenerator(
        width=width, dilations=dilations, mean=mean, std=std, dtype=dtype
    )
    discriminator = Discriminator(scales, discriminator_width, most, (4, 4, 4), dtype=dtype)
    optimizer = optax.amsgrad(learning_rate, eps=1e-7)
    prepared = (Crop(samples), ToFloat(), Gain(0.3, 1.0, ("audio",)), Keep("audio"))
    return Experiment(
        data=Data(ScoreRender("piano", size), prepared),
        objective=MultiBandVocoder(generator, discriminator, spec, begin=begin),
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
