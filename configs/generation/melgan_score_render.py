"""MelGAN (Kumar et al. 2019) as a vocoder of the embedded piano music at 16 kHz.

A quarter of the paper's width, for two cores. For so short a training an L1 of log mel
spectrograms joins the paper's losses, as HiFi-GAN has it (its weight is per natural log, though the
front end's unit is log10), and one of magnitudes at six FFT sizes, which sees 0 Hz and how loud
partials are; spectral=0 linear=0 leaves them out. width=512 discriminator_width=16 most=1024 is the
paper's size.
excitation=noise, griffin_lim or sine drives the generator by more than the frames, whose
convolution is periodic in the hop on steady notes (`python -m zoo interpret RUN --kind
periodicity`). griffin_lim is a draft, of which the output begins as a copy; `refiner_score_render`
learns faster from one. sine has the pitch and the level of the source, one voice at a time: the
music=notes of single instruments, not the chords of the piano (zoo/signal/sine_source.py).
"""

from dataclasses import replace
from typing import Literal

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Gain, Keep, ToFloat
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.models.generation.melgan import Discriminator, Generator
from zoo.objectives.adversarial_vocoder import Vocoder
from zoo.recipes import excitations
from zoo.signal import mel
from zoo.training.optimizers import adam

ROWS = {"default": {"parameters": 1_644_464}}
AGREES = {"tests/models/test_melgan.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "width": 32,
    "dilations": (1,),
    "scales": 1,
    "discriminator_width": 4,
    "most": 16,
    "samples": 4096,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    music: Literal["piano", "notes"] = "piano",
    width: int = 128,
    dilations: tuple[int, ...] = (1, 3, 9),
    scales: int = 3,
    discriminator_width: int = 8,
    most: int = 256,
    spectral: float = 20.0,
    linear: float = 20.0,
    samples: int = 8192,
    excitation: excitations.Driven = "none",
    batch: int = 4,
    steps: int = 1200,
    learning_rate: float = 5e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    spec = replace(mel.MELGAN, sample_rate=16_000)
    optimizer = adam(learning_rate, b1=0.5, b2=0.9)
    source = ScoreRender(music, size)
    return Experiment(
        data=Data(source, (Crop(samples), ToFloat(), Gain(0.3, 1.0, ("audio",)), Keep("audio"))),
        objective=Vocoder(
            Generator(
                width=width,
                dilations=dilations,
                residual=excitations.is_draft(excitation),
                dtype=dtype,
            ),
            Discriminator(scales, discriminator_width, most, dtype=dtype),
            spec,
            spectral=spectral,
            linear=linear,
            excitation=excitations.excitation(excitation, spec),
        ),
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=Vocoding(spec),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=300,
        evaluate_limit=8,
        save_every=300,
        seed=seed,
    )
