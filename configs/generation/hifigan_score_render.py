"""HiFi-GAN (Kong et al. 2020) as a vocoder of the embedded piano music, or notes, at 16 kHz.

An eighth of V1's width, two of its three kernels and five of its eight discriminators at a
sixteenth of their width, for two cores; width=512 kernels=3,7,11 periods=2,3,5,7,11 scales=3
narrower=1 is the paper's size. Wider nets get too few rounds in minutes: the generator of
`discriminators_score_render`, of this width, was ahead of a wider one in a third of the time. An L1
of magnitudes at six FFT sizes joins the paper's losses, as mel filters are blind at 0 Hz and
logarithms weigh what lies between partials as much as the partials; linear=0 leaves it out.
excitation=noise, griffin_lim or sine drives the generator by more than the frames, whose
convolution is periodic in the hop on steady notes (`python -m zoo interpret RUN --kind
periodicity`). griffin_lim is a draft, of which the output begins as a copy; `refiner_score_render`
learns faster from one. sine has the pitch and the level of the source, one voice at a time: the
music=notes of single instruments, not the chords of the piano (zoo/signal/sine_source.py).
No loss of spectra takes the comb from a net that is given frames alone: row notes puts energy where
the notes have none, and its spectral convergence is that of silence.
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
    "default": {"parameters": 342_005},
    "draft": {"parameters": 344_337, "arguments": {"excitation": "griffin_lim"}},
    "notes": {"parameters": 342_005, "arguments": {"music": "notes"}},
    "notes_draft": {
        "parameters": 344_337,
        "arguments": {"music": "notes", "excitation": "griffin_lim"},
    },
    "notes_sine": {"parameters": 344_347, "arguments": {"music": "notes", "excitation": "sine"}},
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
    width: int = 64,
    kernels: tuple[int, ...] = (3, 7),
    dilations: tuple[int, ...] = (1, 3, 5),
    periods: tuple[int, ...] = (2, 3, 5),
    scales: int = 2,
    narrower: int = 16,
    spectral: float = 45.0,
    linear: float = 45.0,
    samples: int = 4096,
    excitation: excitations.Driven = "none",
    batch: int = 4,
    steps: int = 1600,
    learning_rate: float = 1e-3,
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
        spectral=spectral,
        linear=linear,
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
