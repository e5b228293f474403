"""SpecGAN (Donahue et al. 2019) on single notes of the embedded sound font, a second each.

An eighth of the paper's width and a batch of 16, for two cores; dim=64 is the paper's size.
conditional=True asks for the instrument family: voice i of a sample takes family i. embedding=
musicnn_mtt adds the distances of its embeddings.
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
SMOKE = {"size": "tiny", "dim": 2, "bins": 64, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    bins: int = 128,
    dim: int = 8,
    conditional: bool = False,
    discriminator_turns: int = 5,
    embedding: str = "",
    batch: int = 16,
    steps: int = 800,
    learning_rate: float = 2e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = ScoreRender("notes", size)
    classes = len(source.info.labels) if conditional else 0
    keys = ("family",) if conditional else ()
    objective = SpectrogramGAN(
        Generator(dim, bins, classes=classes, dtype=dtype),
        Discriminator(dim, bins, classes=classes, dtype=dtype),
        label=keys[0] if keys else None,
        discriminator_turns=discriminator_turns,
        n_fft=2 * bins,
        hop=bins,
    )
    optimizer = adam(learning_rate, b1=0.5, b2=0.9)
    return Experiment(
        data=Data(source, (Crop(objective.samples), ToFloat(), Keep("audio", *keys))),
        objective=objective,
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=clip_evaluation(objective.samples, embedding=embedding, keys=keys),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=200,
        save_every=200,
        seed=seed,
    )
