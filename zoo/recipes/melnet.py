"""MelNets on recordings of any source: what its rows share."""

from __future__ import annotations

from typing import Any

import optax

from zoo.data.pipeline import Data
from zoo.evaluation.spectrograms import SpectrogramLikelihood
from zoo.experiment import Experiment
from zoo.network import Network
from zoo.objectives.tiers import Tiers
from zoo.signal.mel_images import MelImage


def melnet(
    data: Data,
    tiers: tuple[Network, ...],
    image: MelImage,
    frames: int,
    optimizer: optax.GradientTransformation,
    **training: Any,
) -> Experiment:
    """The experiment. frames: of an image. optimizer: of each tier. training: the rest of it."""
    return Experiment(
        data=data,
        objective=Tiers(tiers, image, frames),
        optimizers={f"tier_{n}": optimizer for n in range(1, len(tiers) + 1)},
        evaluation=SpectrogramLikelihood(image, frames, data.source),
        **training,
    )
