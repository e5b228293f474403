"""WaveGRU on any speech or music at 16 kHz: the recipe that its rows share."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import optax

from zoo.data.pipeline import Data
from zoo.data.source import Source
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.wavegru import WaveGRU
from zoo.objectives.banded_likelihood import BandedLikelihood
from zoo.objectives.base import Batch
from zoo.signal import mel
from zoo.training.optimizers import adam


@dataclass(frozen=True)
class Frames:
    """A batch's audio [B T 1] as the frames of a front end, [B F M]."""

    spec: mel.MelSpec

    def __call__(self, batch: Batch) -> jax.Array:
        return mel.log_mel(batch["audio"], self.spec)[..., 0]


def wavegru(
    source: Source,
    model: WaveGRU,
    samples: int,
    learning_rate: optax.ScalarOrSchedule,
    batch: int,
    steps: int,
    *,
    tracks: bool,
    every: int,
    ema_decay: float = 0.0,
    evaluate_limit: int | None = None,
    seed: int = 0,
) -> Experiment:
    """The likelihood of audio in bands under a WaveGRU, with frames of the audio itself.

    samples: of a training example, whole frames. tracks: windows of whole tracks, else of records.
    """
    samples = -(-samples // model.frame_hop) * model.frame_hop
    crop = TrackCrop(samples, draw="window") if tracks else None
    cut = () if tracks else (Crop(samples),)
    context = 10 * model.frame_hop  # what a frame depends on, and the state's beginning
    return Experiment(
        data=Data(source, (*cut, ToFloat(), Keep("audio")), crop=crop),
        objective=BandedLikelihood(model, condition=Frames(mel.lyra())),
        optimizers={"model": adam(learning_rate, clip_norm=1.0)},
        evaluation=Likelihood(context + 50 * model.frame_hop, context, batch=1),
        batch=batch,
        steps=steps,
        ema_decay=ema_decay,
        evaluate_every=every,
        evaluate_limit=evaluate_limit,
        save_every=max(every // 2, 1),
        seed=seed,
    )
