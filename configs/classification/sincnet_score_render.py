"""SincNet, 40 learnable band-passes, on the embedded music: 20 tags from 200 ms, on two cores.

The net of Ravanelli and Bengio (2018) with half the filters and narrow layers above them; sigmoids
instead of its softmax, Adam instead of RMSprop. A clip's score is its windows' mean. filter_rate
multiplies the learning rate of the cut-offs, which are in Hz: with 1 they hardly move.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Gain, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.models.classification.sincnet import SincNet
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import adam, scale_learning_rate, warmup_cosine

ROWS = {"default": {"parameters": 589_268}}
AGREES = {"tests/models/test_sincnet_parity.py": "own twin, a public module's filters"}
SMOKE = {
    "size": "tiny",
    "samples": 500,
    "filters": 8,
    "taps": 31,
    "channels": (6, 6),
    "hidden": (8, 8),
    "batch": 3,
    "steps": 2,
}


def config(
    size: str = "small",
    samples: int = 3_200,
    filters: int = 40,
    taps: int = 251,
    channels: tuple[int, ...] = (32, 32),
    hidden: tuple[int, ...] = (128, 128),
    filter_rate: float = 1000.0,
    batch: int = 32,
    steps: int = 800,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    source = ScoreRender("tagging", size)
    model = SincNet(
        len(source.info.labels),
        samples,
        source.sample_rate,
        filters,
        taps,
        channels,
        hidden=hidden,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    cut = (Crop(samples), ToFloat(), Gain(0.8, 1.2, ("audio",)), Keep("audio", "tags", "known"))
    return Experiment(
        data=Data(source, cut),
        objective=Supervised(model, binary_cross_entropy, mask="known", link=sigmoid),
        optimizers={
            "model": scale_learning_rate(
                adam(warmup_cosine(learning_rate, steps, 50)), "sinc/", filter_rate
            )
        },
        evaluation=Tagging(samples, batch=64),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=200,
        save_every=100,
        seed=seed,
    )
