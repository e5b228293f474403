"""Demucs (the plan of v1, narrow and mono) on the four stems of the embedded music.

An eighth of the width and one level less than the paper's, so that two cores train it in minutes;
width=100 depth=6 is the paper's size, resample=true the plan of v2.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.stem_transforms import Stagger, Standardise
from zoo.data.transforms import Crop, Group, Keep, Mixture, PolarityFlip, ToFloat
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.waveform import l1
from zoo.models.separation.demucs import Demucs
from zoo.objectives.remix import Remix
from zoo.objectives.supervised import Supervised
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 2_341_660}}
AGREES = {"tests/models/test_demucs_parity.py": "the authors' module, own twin"}
SMOKE = {
    "size": "tiny",
    "width": 4,
    "depth": 2,
    "samples": 1024,
    "batch": 4,
    "steps": 2,
}

SOURCES = ("drums", "bass", "other", "vocals")


def config(
    size: str = "small",
    width: int = 12,
    depth: int = 5,
    resample: bool = False,
    samples: int = 24_000,
    batch: int = 8,
    steps: int = 1500,
    learning_rate: float = 1e-3,
    shifts: int = 0,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = Demucs(channels=1, width=width, depth=depth, resample=resample, dtype=dtype)
    length = model.input_length(samples)
    data = ScoreRender("stems", size)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    segments = Segments(length, samples, 3 * samples // 4, window="fade", batch=8)
    how = Separator(segments, 16_000, 1, SOURCES, normalise=True, shifts=shifts)
    return Experiment(
        data=Data(
            data,
            (
                Crop(length + samples // 10),
                ToFloat(),
                Group(groups),
                Standardise(),
                Stagger(length),
                PolarityFlip(),
                Mixture(),
                Keep("mixture", "stems"),
            ),
        ),
        objective=Remix(Supervised(model, l1, input="mixture", target="stems")),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=Separation(how),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=20,
        save_every=250,
        seed=seed,
    )
