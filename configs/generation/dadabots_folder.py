"""Dadabots: SampleRNN of five LSTMs on one album at 32 kHz, to be sampled without end.

Carr and Zukowski 2018, arXiv 1811.06633: 2 tiers with frames of 16, LSTM 5 x 1024 for metal (GRU
for others), one album as overlapping 8 s clips; these settings are reported, unchecked, and the
paper prints no numbers to compare. Give `path` an album of your own. About three days on a V100 by
their account, then `python sample.py --checkpoint runs/dadabots_folder --endless --num 100`.
As in their fork each clip is scaled to fill [-1, 1] (min_max=true), in evaluation too, and elements
of a gradient are clipped at 1 of a loss in bits; Adam at 1e-3. Guess: windows of 1024 samples.
Deviation: files are held out whole. Theirs hold out overlapping clips of the very recordings that
are learnt from, so that their loss on those says nothing of other music.
"""

import math

import jax.numpy as jnp
import optax

from zoo.data.levels import MinMax
from zoo.data.levels import min_max as filled
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep, ToFloat
from zoo.data.windows import Windows
from zoo.distributions import Categorical
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.samplernn import SampleRNN
from zoo.objectives.recurrent_likelihood import RecurrentLikelihood
from zoo.training.optimizers import adam

ROWS = {"default": {"parameters": 64_360_960}}
AGREES = {"tests/models/test_samplernn.py": "own twin"}
SMOKE = {"width": 8, "layers": 2, "embedding": 4, "samples": 64, "batch": 2, "steps": 2}

CLIP = 256_000  # 8 s


def config(
    path: str = "~/Music/album",
    frames: tuple[int, ...] = (16,),
    cell: str = "lstm",
    layers: int = 5,
    width: int = 1024,
    embedding: int = 256,
    companding: str = "equal",
    min_max: bool = True,
    samples: int = 1024,
    batch: int = 128,
    steps: int = 300_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = SampleRNN(
        frames, layers, width, embedding, cell, Categorical(256, companding), dtype=dtype
    )
    scaled = (MinMax(),) if min_max else ()
    clip = optax.clip(math.log(2))  # the authors' 1 of a loss in bits; ours is in nats
    return Experiment(
        data=Windows(
            Folder(path, 32_000, chunk_seconds=8.0, validation=0.06, test=0.06),
            (ToFloat(), *scaled, Keep("audio")),
            samples,
            crop=TrackCrop(CLIP, draw="window"),
        ),
        objective=RecurrentLikelihood(model),
        optimizers={"model": optax.chain(clip, adam(learning_rate))},
        evaluation=Likelihood(CLIP, batch=8, scale=filled if min_max else None),
        batch=batch,
        steps=steps,
        evaluate_every=5000,
        save_every=1000,
        seed=seed,
    )
