"""HiFi-GAN (Kong et al. 2020) as a vocoder of the embedded piano music, or notes, at 16 kHz.

A quarter of V1's width, two of its three kernels and five of its eight discriminators at a
sixteenth of their width, for two cores; width=512 kernels=3,7,11 periods=2,3,5,7,11 scales=3
narrower=1 is the paper's size. After 1,069 rounds (four minutes here) it has the music's envelope
and spectrum, not yet its harmonics.
excitation=noise, griffin_lim or sine drives the generator by more than the frames, whose
convolution is periodic in the hop on steady notes (`python -m zoo interpret RUN --kind
periodicity`). griffin_lim is a draft, of which the output begins as a copy; `refiner_score_render`
learns faster from one. sine is the pitch tracked in the source, for one voice at a time: the
music=notes of single instruments, not the chords of the piano (zoo/signal/sine_source.py).
The rows, four minutes of one core each: on notes without an excitation steady tones are 78 cents
off, with a draft 16, with the sine 0; log mel 1.28, .49 and 1.57 (mel inversion, the floor: .47, 25
cents). In such a time a draft stays what it was: .226 on the piano, as before any training. Nor has
the sine's noise learnt to be silent: in frames below -70 dB log mel is about 3 off, above 1.1-1.5.
After eleven minutes (1,251 rounds) its log mel is .2 better, and the comb is back beside the notes:
at three of twelve it is the louder of the two. Log mel bands do not tell which of them is played.
"""

from dataclasses import replace
from typing import Literal

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.losses.adversarial import least_squares_discriminator, least_squares_generator
from zoo.models.generation.hifigan import Discriminator, Generator
from zoo.objectives.adversarial_vocoder import Vocoder
from zoo.recipes import excitations
from zoo.signal import mel
from zoo.training.optimizers import adam

ROWS = {
    "default": {"parameters": 749_221},
    "draft": {"parameters": 753_885, "arguments": {"excitation": "griffin_lim"}},
    "notes": {"parameters": 749_221, "arguments": {"music": "notes"}},
    "notes_draft": {
        "parameters": 753_885,
        "arguments": {"music": "notes", "excitation": "griffin_lim"},
    },
    "notes_sine": {"parameters": 753_895, "arguments": {"music": "notes", "excitation": "sine"}},
}
AGREES = {"tests/models/test_hifigan.py": "the authors' module, own twin"}
SMOKE = {
    "size": "tiny",
    "width": 32,
    "kernels": (3,),
    "dilations": (1,),
    "periods": (2,),
    "scales": 1,
    "narrower": 64,
    "samples": 2048,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    music: Literal["piano", "notes"] = "piano",
    width: int = 128,
    kernels: tuple[int, ...] = (3, 7),
    dilations: tuple[int, ...] = (1, 3, 5),
    periods: tuple[int, ...] = (2, 3, 5),
    scales: int = 2,
    narrower: int = 16,
    samples: int = 4096,
    excitation: excitations.Driven = "none",
    batch: int = 4,
    steps: int = 1600,
    learning_rate: float = 5e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    spec = replace(mel.HIFIGAN, sample_rate=16_000)
    optimizer = adam(learning_rate, b1=0.8, b2=0.99, weight_decay=0.01)
    objective = Vocoder(
        Generator(
            width=width,
            kernels=kernels,
            dilations=(dilations,) * len(kernels),
            residual=excitations.is_draft(excitation),
            dtype=dtype,
        ),
        Discriminator(periods, scales, narrower, dtype=dtype),
        spec,
        discriminator_loss=least_squares_discriminator,
        generator_loss=least_squares_generator,
        feature_matching=2.0,
        spectral=45.0,
        excitation=excitations.excitation(excitation, spec),
    )
    return Experiment(
        data=Data(ScoreRender(music, size), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=objective,
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=Vocoding(spec),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=200,
        evaluate_limit=8,
        save_every=200,
        seed=seed,
    )
