"""WaveGAN (Donahue et al. 2019) on single notes of the embedded sound font, a second each.

An eighth of the paper's width and a batch of 16, for two cores; dim=64 discriminator_turns=5
learning_rate=1e-4 upsampling=zeros is the paper's. upsampling=nearest, of its appendix, begins
without the combs that zeros make (most of the energy at multiples of 250 Hz); after 400 rounds, in
five minutes of a core, what sounds are bursts of these multiples all the same, and no notes yet:
`specgan_score_render` makes some. post_filter=512 learns to take combs away.
conditional=True asks for the instrument family: voice i of a sample takes family i. embedding=
musicnn_mtt adds the distances of its embeddings.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.arguments import OrNone
from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.experiment import Experiment
from zoo.models.generation.wavegan import Discriminator, Generator, strides_for
from zoo.objectives.adversarial import Wasserstein
from zoo.recipes.clips import clip_evaluation
from zoo.training.optimizers import adam

ROWS = {"default": {"parameters": 753_666}}
AGREES = {"tests/models/test_wavegan_parity.py": "own twin"}
SMOKE = {"size": "tiny", "dim": 2, "samples": 1024, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    dim: int = 8,
    samples: int = 16_384,
    shuffle: OrNone = 2,
    post_filter: OrNone = 0,
    upsampling: Literal["zeros", "nearest"] = "nearest",
    conditional: bool = False,
    discriminator_turns: int = 2,
    embedding: str = "",
    batch: int = 16,
    steps: int = 800,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = ScoreRender("notes", size)
    classes = len(source.info.labels) if conditional else 0
    keys = ("family",) if conditional else ()
    strides = strides_for(samples)
    generator = Generator(
        dim, strides, upsampling=upsampling, post_filter=post_filter, classes=classes, dtype=dtype
    )
    discriminator = Discriminator(dim, strides, shuffle=shuffle, classes=classes, dtype=dtype)
    optimizer = adam(learning_rate, b1=0.5, b2=0.9)
    return Experiment(
        data=Data(source, (Crop(samples), ToFloat(), Keep("audio", *keys))),
        objective=Wasserstein(
            generator,
            discriminator,
            label=keys[0] if keys else None,
            discriminator_turns=discriminator_turns,
        ),
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=clip_evaluation(samples, embedding=embedding, keys=keys),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=200,
        save_every=200,
        seed=seed,
    )
