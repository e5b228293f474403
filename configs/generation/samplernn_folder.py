"""SampleRNN, table 1 (Music), on a folder of your own audio at 16 kHz; 2 tiers or 3.

The paper's Music is 10 hours of 32 Beethoven sonatas in 8 s clips, not to be had from its authors:
give `path` a folder of piano music. Deviation: a clip begins anywhere in its piece of 8 to 16 s. As
in the released feeder each clip is scaled to fill [-1, 1] before it becomes 256 even codes
(min_max=true), which moves the bits; evaluation scales its 8 s windows alike, and each begins with
a fresh state. Elements of a gradient are clipped as in the released code. Row default is the port
to PyTorch, which tiers, layers and cell change; released is the authors' own net of two tiers, with
bins of one width. Their split takes 8 s chunks of all sonatas in random order, so that the test is
of recordings that are learnt from: 1.076 bits are optimistic beside a split by file, as here.
tiers=3 has one GRU per tier and steps of 512 samples. Guess: 250,000 steps. Days on a GPU; no way
on a CPU.
"""

import math
from typing import Literal

import jax.numpy as jnp
import optax

from zoo.data.levels import MinMax
from zoo.data.levels import min_max as filled
from zoo.data.sets.folder import Folder
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.data.windows import Windows
from zoo.distributions import Categorical
from zoo.errors import BadInput
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.samplernn import SampleRNN
from zoo.models.generation.samplernn_released import ReleasedSampleRNN
from zoo.network import Network
from zoo.objectives.recurrent_likelihood import RecurrentLikelihood
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 41_283_072,
        "reported": {
            "bits_per_sample": 1.076,
            "bits_per_sample_of_3_tiers": 1.159,
        },
        "source": "Mehri et al. 2017, table 1, Music, test; other recordings than yours",
        "protocol": "test chunks of 8 s out of the very recordings that were learnt from",
    },
    "released": {
        "arguments": {"version": "released", "companding": "equal"},
        "parameters": 39_243_264,
        "reported": {"bits_per_sample": 1.076},
        "source": "Mehri et al. 2017, table 1, Music, test; other recordings than yours",
        "protocol": "test chunks of 8 s out of the very recordings that were learnt from",
    },
}
AGREES = {
    "tests/models/test_samplernn.py": "own twin, a public code's parameter count",
    "tests/models/test_samplernn_released.py": "its code's parameter count",
}
SMOKE = {"width": 8, "layers": 1, "embedding": 4, "samples": 64, "batch": 2, "steps": 2}

CLIP = 128_000  # 8 s
TIERS = {2: ((16,), 3, 1024), 3: ((2, 8), 1, 512)}  # frames, layers of RNN, samples of a window


def config(
    path: str = "~/Music/piano",
    version: Literal["port", "released"] = "port",
    tiers: int = 2,
    width: int = 1024,
    layers: int | None = None,
    embedding: int = 256,
    cell: str = "gru",
    companding: str = "linear",
    min_max: bool = True,
    samples: int | None = None,
    batch: int = 128,
    steps: int = 250_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if tiers not in TIERS:
        raise BadInput(f"tiers={tiers}: SampleRNN has 2 or 3 here")
    frames, usual, window = TIERS[tiers]
    layers, codes = layers or usual, Categorical(256, companding)
    if version == "port":
        model: Network = SampleRNN(frames, layers, width, embedding, cell, codes, dtype=dtype)
    elif (tiers, cell) != (2, "gru"):
        raise BadInput(f"tiers={tiers} cell={cell}: the released net has two tiers of GRUs")
    else:
        model = ReleasedSampleRNN(frames[0], layers, width, embedding, codes, dtype)
    scaled = (MinMax(),) if min_max else ()
    clip = optax.clip(math.log(2))  # the authors' 1 of a loss in bits; ours is in nats
    return Experiment(
        data=Windows(
            Folder(path, 16_000, chunk_seconds=8.0, validation=0.06, test=0.06),
            (Crop(CLIP), ToFloat(), *scaled, Keep("audio")),
            samples or window,
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
