"""SpecGAN (Donahue et al. 2019) on single notes of the embedded sound font, a second each.

An eighth of the paper's width (dim=64), and what makes notes of it in minutes of one core:
- Images of 32 frames of 512 bins, as many pixels as the paper's 128 x 128. The networks' first
  pixels span all frames, so that partials hold: Fréchet 96 after 205 s, of 64 x 256 117.
- One turn of the discriminator for one of the generator, whose own turn takes a fifth of the time,
  and batches of 8 at 2e-3 (Adam's b1=0, b2=0.99): 95 after 108 s, batches of 16 at 1e-3 131.
- floor=1e-3, inaudible, so that nothing is learnt of silences below it.
- steady=True: Griffin-Lim begins with phases of partials that hold. From the paper's zero phases a
  sine is up to 60 Hz off, and real notes by way of its images are at a distance of 37, here 5.
After 3,971 steps (12 minutes of a core that others shared) it is 45, the held-out halves' is 71;
CREPE is surer than 0.5 of the pitch of 22 of 30 clips, of 29 recordings. Not all partials of all
clips are harmonics of one pitch, of which the networks know nothing. conditional=True asks for
the instrument family: voice i of a sample takes family i. embedding=musicnn_mtt adds the distances
of its embeddings.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.experiment import Experiment
from zoo.models.generation.specgan import Discriminator, Generator
from zoo.objectives.spectrogram_gan import SpectrogramGAN
from zoo.recipes.clips import clip_evaluation
from zoo.training.optimizers import adam

ROWS = {"default": {"parameters": 753_666}}
AGREES = {"tests/models/test_specgan.py": "own twin"}
SMOKE = {"size": "tiny", "dim": 2, "samples": 4096, "bins": 64, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    samples: int = 16_384,
    bins: int = 512,
    floor: float = 1e-3,
    steady: bool = True,
    dim: int = 8,
    conditional: bool = False,
    discriminator_turns: int = 1,
    embedding: str = "",
    batch: int = 8,
    steps: int = 4_000,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = ScoreRender("notes", size)
    classes = len(source.info.labels) if conditional else 0
    keys = ("family",) if conditional else ()
    image = (samples // bins, bins)
    objective = SpectrogramGAN(
        Generator(dim, image, classes=classes, dtype=dtype),
        Discriminator(dim, image, classes=classes, dtype=dtype),
        label=keys[0] if keys else None,
        discriminator_turns=discriminator_turns,
        n_fft=2 * bins,
        hop=bins,
        floor=floor,
        steady=steady,
    )
    optimizer = adam(learning_rate, b1=0.0, b2=0.99)
    return Experiment(
        data=Data(source, (Crop(objective.samples), ToFloat(), Keep("audio", *keys))),
        objective=objective,
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=clip_evaluation(objective.samples, embedding=embedding, keys=keys),
        batch=batch,
        steps=steps,
        ema_decay=0.995,
        evaluate_every=500,
        save_every=500,
        seed=seed,
    )
