"""musicnn on the embedded music, 20 tags: spectrogram patches beside SampleCNN's raw samples.

The published net with about a quarter of its filters, on patches of 3 s; timbral=204 temporal=51
middle=64 hidden=200 is its full size. Minutes on two cores.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.models.classification.musicnn import Musicnn
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 85_694}}
AGREES = {"tests/pretrained/test_musicnn_weights.py": "published weights"}
SMOKE = {
    "size": "tiny",
    "timbral": 3,
    "temporal": 2,
    "middle": 4,
    "hidden": 5,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    timbral: int = 32,
    temporal: int = 8,
    middle: int = 32,
    hidden: int = 64,
    batch: int = 8,
    steps: int = 600,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = ScoreRender("tagging", size)
    model = Musicnn(
        len(source.info.labels),
        timbral,
        temporal=temporal,
        middle=middle,
        hidden=hidden,
        dropout=0.3,
        dtype=dtype,
    )
    return Experiment(
        data=Data(source, (Crop(model.samples), ToFloat(), Keep("audio", "tags", "known"))),
        objective=Supervised(model, binary_cross_entropy, mask="known", link=sigmoid),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50))},
        evaluation=Tagging(model.samples, batch=32),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=300,
        save_every=100,
        seed=seed,
    )
