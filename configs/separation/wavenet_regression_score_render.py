"""Wavenet regression, narrow, on the embedded music: vocals, drums and bass, or vocals alone.

A quarter of the authors' width and half of their context, with longer target fields, so that two
cores train it in minutes; theirs: width=64 skip=64 stacks=4 layers=10 final=2048,256 samples=1601.
targets=voice adds their dissimilarity term. Scored on the stems that it gives: 'other' is none.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.stem_transforms import Pick
from zoo.data.transforms import Crop, Gain, Group, Keep, Mixture, ToFloat
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.waveform import dissimilar_l1, l1, source_sum
from zoo.models.separation.wavenet_regression import WavenetRegression
from zoo.objectives.supervised import Supervised
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "three": {"parameters": 83_187},
    "voice": {"arguments": {"targets": "voice"}, "parameters": 83_057},
}
AGREES = {"tests/models/test_wavenet_regression.py": "its code's parameter counts, own twin"}
SMOKE = {
    "size": "tiny",
    "width": 4,
    "skip": 4,
    "stacks": 2,
    "layers": 3,
    "final": (6, 5),
    "samples": 512,
    "batch": 2,
    "steps": 2,
}

RATE = 16_000
THREE = {"vocals": ("vocals",), "drums": ("drums",), "bass": ("bass",), "": ("other",)}
VOICE = {"vocals": ("vocals",), "accompaniment": ("drums", "bass", "other")}


def config(
    size: str = "small",
    targets: Literal["three", "voice"] = "three",
    width: int = 16,
    skip: int = 32,
    stacks: int = 2,
    layers: int = 10,
    final: tuple[int, int] = (128, 64),
    samples: int = 8000,
    dissimilarity: float = 0.05,
    batch: int = 4,
    steps: int = 1500,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    three = targets == "three"
    model = WavenetRegression(
        sources=3 if three else 1,
        width=width,
        skip=skip,
        stacks=stacks,
        layers=layers,
        final=final,
        remainder=not three,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    length = model.input_length(samples)
    data = ScoreRender("stems", size)
    stems = THREE if three else VOICE
    groups = tuple(tuple(map(data.info.labels.index, names)) for names in stems.values())
    sources = tuple(name for name in stems if name)
    loss = source_sum(l1) if three else dissimilar_l1(dissimilarity)
    segments = Segments(model.input_length(4 * samples), 4 * samples, batch=2)
    return Experiment(
        data=Data(
            data,
            (
                Crop(length),
                ToFloat(),
                Gain(0.5, 1.0),
                Group(groups),
                Mixture(),
                Pick(tuple(range(len(sources)))),
                Keep("mixture", "stems"),
            ),
        ),
        objective=Supervised(model, loss, input="mixture", target="stems"),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=Separation(Separator(segments, RATE, 1, sources)),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=20,
        save_every=250,
        seed=seed,
    )
