"""How separators are trained: on the embedded music in minutes of two cores, and on MIR-1K."""

from __future__ import annotations

from typing import Protocol

import optax

from zoo.data import device_transforms as device
from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.sets.mir1k import Mir1K
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Crop, Gain, Group, Keep, Mixture, PolarityFlip, ToFloat
from zoo.evaluation.global_separation import GlobalSeparation
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.objectives.base import Objective
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam, warmup_cosine

KARAOKE = ("vocals", "accompaniment")
SOURCES = ("drums", "bass", "other", "vocals")
RATE = 16_000  # Hz
_LONGEST = 131_072  # samples that a segment of a net without padding gives, where it learns fewer


class _Unpadded(Protocol):
    """A net of unpadded convolutions, whose output is shorter than its input."""

    def input_length(self, wanted: int) -> int: ...
    def output_length(self, length: int) -> int: ...


def long_segments(model: _Unpadded, wanted: int, stride: int) -> Segments:
    """Segments of whole songs that give up to eight times the `wanted` samples learnt from.

    Each is computed with its context, which Wave-U-Net has 131,054 samples of: at 16,384 samples
    a segment most of the work is done again and again. A hop of the total `stride` makes segments
    of any length equal to one pass over the song.
    """
    times = min(8, max(1, _LONGEST // wanted))
    length = model.input_length(times * wanted)
    hop = model.output_length(length) // stride * stride
    return Segments(length, hop, batch=max(1, 4 // times))


def score_render_separation(
    objective: Objective,
    samples: int,
    *,
    size: str,
    batch: int,
    steps: int,
    learning_rate: float,
    seed: int = 0,
) -> Experiment:
    """Crops of `samples` with other gains and signs; four stems in the order of SOURCES, mono.

    Songs are separated in windows of as many samples that overlap by a quarter.
    """
    data = ScoreRender("stems", size)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    segments = Segments(samples, hop=3 * samples // 4, window="fade", batch=4)
    changed = (Gain(0.5, 1.0), PolarityFlip(), Group(groups), Mixture())
    return Experiment(
        data=Data(data, (Crop(samples), ToFloat(), *changed, Keep("mixture", "stems"))),
        objective=objective,
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=5.0)},
        evaluation=Separation(Separator(segments, RATE, 1, SOURCES)),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=20,
        save_every=250,
        seed=seed,
    )


def mir_1k(
    objective: Objective,
    optimizer: optax.GradientTransformation,
    segments: Segments,
    crop: int,
    *,
    path: str,
    batch: int,
    steps: int,
    seed: int = 0,
) -> Experiment:
    """Voice and accompaniment of MIR-1K, in crops of `crop` samples; GNSDR, GSIR and GSAR."""
    data = Mir1K(path, chunk_seconds=max(crop, 4 * RATE) / RATE)
    groups = tuple((data.info.labels.index(name),) for name in KARAOKE)
    return Experiment(
        data=Data(
            data,
            (Keep("stems"),),
            crop=TrackCrop(crop),
            on_device=(device.ToFloat(), device.Group(groups), device.Mixture()),
        ),
        objective=objective,
        optimizers={"model": optimizer},
        evaluation=GlobalSeparation(Separator(segments, RATE, 1, KARAOKE)),
        batch=batch,
        steps=steps,
        evaluate_every=1000,
        save_every=500,
        seed=seed,
    )
