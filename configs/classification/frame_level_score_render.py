"""Frame-level tagger on the embedded music, 20 tags: filters learnt on frames of raw samples.

The net of Dieleman and Schrauwen (2014) at its full size, which is small, with batch norm of the
frames and windows of 512 samples every 256; input=spectrogram is its twin, to be compared at the
same budget. Minutes on two cores; the first layer's filters are drawn as figures/filters.png.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.models.classification.frame_level import FrameLevel
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {"parameters": 137_864},
    "spectrogram": {"arguments": {"input": "spectrogram"}, "parameters": 72_200},
}
AGREES = {"tests/models/test_frame_level.py": "own twin, librosa"}
SMOKE = {"size": "tiny", "filters": 8, "features": 4, "hidden": 6, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    window: int = 512,
    hop: int = 256,
    input: str = "raw",
    response: str = "relu",
    group: int = 1,
    grouping: str = "max",
    norm: bool = True,
    filters: int = 128,
    features: int = 32,
    hidden: int = 100,
    batch: int = 16,
    steps: int = 2000,
    learning_rate: float = 4e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    source = ScoreRender("tagging", size)
    model = FrameLevel(
        window,
        hop,
        input,
        filters,
        response,
        group,
        grouping,
        features,
        hidden=hidden,
        labels=len(source.info.labels),
        level=0.1,
        norm=norm,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    return Experiment(
        data=Data(source, (Crop(model.samples), ToFloat(), Keep("audio", "tags", "known"))),
        objective=Supervised(model, binary_cross_entropy, mask="known", link=sigmoid),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50))},
        evaluation=Tagging(model.samples, batch=32),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=400,
        save_every=200,
        seed=seed,
    )
