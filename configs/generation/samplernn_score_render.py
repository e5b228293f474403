"""SampleRNN on the embedded piano music: 2 or 3 tiers, 8-bit codes, state carried over 8 s clips.

Width 256 instead of 1024 and an embedding of 32 instead of 256, one GRU instead of three, so that
two cores train it in five minutes. Codes are mu-law, so that its bits compare with those of
wavenet_score_render (an order-1 model of such codes needs 5.6); companding=linear is the paper's.
tiers=3 has frames of 2 and 8 samples: the better one in the paper for speech, four times as slow.
"""

import jax.numpy as jnp

from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Keep, ToFloat
from zoo.data.windows import Windows
from zoo.distributions import Categorical
from zoo.errors import BadInput
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.samplernn import SampleRNN
from zoo.objectives.recurrent_likelihood import RecurrentLikelihood
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 1_724_160}}
AGREES = {"tests/models/test_samplernn.py": "own twin"}
SMOKE = {"size": "tiny", "width": 8, "embedding": 4, "samples": 64, "batch": 2, "steps": 2}

FRAMES = {2: (16,), 3: (2, 8)}


def config(
    size: str = "small",
    tiers: int = 2,
    width: int = 256,
    layers: int = 1,
    embedding: int = 32,
    cell: str = "gru",
    companding: str = "mu_law",
    samples: int = 1024,
    batch: int = 8,
    steps: int = 1000,
    learning_rate: float = 5e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if tiers not in FRAMES:
        raise BadInput(f"tiers={tiers}: SampleRNN has 2 or 3 here")
    model = SampleRNN(
        FRAMES[tiers], layers, width, embedding, cell, Categorical(256, companding), dtype=dtype
    )
    source = ScoreRender("piano", size)
    return Experiment(
        data=Windows(source, (ToFloat(), Keep("audio")), samples),
        objective=RecurrentLikelihood(model),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=Likelihood(len(source.blank()["audio"]), batch=2),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=4,
        save_every=250,
        seed=seed,
    )
