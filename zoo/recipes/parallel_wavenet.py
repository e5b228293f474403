"""Parallel WaveNet: an autoregressive teacher of logistic mixtures, and the student it distils."""

from __future__ import annotations

from typing import Any

import optax

from zoo.data.pipeline import Data
from zoo.data.source import Source
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.distributions import MixtureOfLogistics
from zoo.evaluation.generation import Likelihood
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.layers.initializers import torch
from zoo.models.generation.gaussian_iaf import GaussianIAF
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.density_distillation import DensityDistillation
from zoo.objectives.likelihood import Autoregressive
from zoo.signal import mel


def teacher_wavenet(
    spec: mel.MelSpec, upsampling: tuple[int, ...], layers: int, kernel: int, **how: Any
) -> WaveNet:
    """A WaveNet of ten 16-bit logistics that follows the spec's mel spectrogram; stacks of ten."""
    return WaveNet(
        layers,
        max(layers // 10, 1),
        kernel=kernel,
        distribution=MixtureOfLogistics(),
        input="scalar",
        local_condition=spec.bins,
        upsampling=upsampling,
        starts=torch,
        **how,
    )


def teacher(
    model: WaveNet,
    source: Source,
    spec: mel.MelSpec,
    optimizer: optax.GradientTransformation,
    *,
    samples: int,
    batch: int,
    tracks: bool = False,
    **how: Any,
) -> Experiment:
    """Maximum likelihood of clips of `samples`; how: steps, evaluations and the like.

    tracks: clips begin anywhere in whole tracks; else in a record.
    """
    context = model.receptive_field
    return Experiment(
        data=_clips(source, samples, tracks),
        objective=Autoregressive(model, condition=spec_of(spec)),
        optimizers={"model": optimizer},
        evaluation=Likelihood(2 * samples + context, context, batch=1),
        batch=batch,
        **how,
    )


def _clips(source: Source, samples: int, tracks: bool) -> Data:
    cut = () if tracks else (Crop(samples),)
    crop = TrackCrop(samples) if tracks else None
    return Data(source, (*cut, ToFloat(), Keep("audio")), crop=crop)


def spec_of(spec: mel.MelSpec) -> Any:
    """batch -> log mel spectrogram [B F M] of its `audio`."""
    return lambda batch: mel.log_mel(batch["audio"], spec)[..., 0]


def student(
    model: GaussianIAF,
    wavenet: WaveNet,
    source: Source,
    spec: mel.MelSpec,
    optimizer: optax.GradientTransformation,
    *,
    teacher: str,
    draws: int,
    contrastive: float,
    power: float,
    transform: tuple[int, int],
    samples: int,
    batch: int,
    tracks: bool = False,
    **how: Any,
) -> Experiment:
    """Distillation from the run `teacher`, or from a teacher at random where that is empty."""
    objective = DensityDistillation(
        model,
        wavenet,
        spec,
        draws=draws,
        contrastive=contrastive,
        power=power,
        transform=transform,
    )
    return Experiment(
        data=_clips(source, samples, tracks),
        objective=objective,
        optimizers={"student": optimizer},
        evaluation=Vocoding(spec),
        batch=batch,
        initial={"teacher": teacher} if teacher else {},
        **how,
    )
