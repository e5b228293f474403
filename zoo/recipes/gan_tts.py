"""GAN-TTS' training: Adam without a first moment, twice as fast for the discriminator."""

from __future__ import annotations

from typing import Any

from zoo.data.pipeline import Data
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.network import Network
from zoo.objectives.window_gan import WindowGan
from zoo.signal.mel import MelSpec
from zoo.training.optimizers import adam


def gan_tts_experiment(
    data: Data,
    generator: Network,
    discriminator: Network,
    spec: MelSpec,
    *,
    orthogonal: float,
    learning_rate: float,
    spectral: float = 0.0,
    linear: float = 0.0,
    **training: Any,
) -> Experiment:
    """A vocoder of the frames of `spec`. training: the rest of an Experiment."""
    return Experiment(
        data=data,
        objective=WindowGan(
            generator,
            discriminator,
            spec,
            orthogonal=orthogonal,
            spectral=spectral,
            linear=linear,
        ),
        optimizers={
            "discriminator": adam(2 * learning_rate, b1=0.0),
            "generator": adam(learning_rate, b1=0.0),
        },
        evaluation=Vocoding(spec),
        **training,
    )
