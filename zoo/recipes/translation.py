"""Music translation between the domains of a source: what its rows share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optax

from zoo.data.device_transforms import LocalPitch, ToFloat
from zoo.data.domains import DomainData, Domains
from zoo.data.examples import Transform
from zoo.data.track_crops import TrackCrop
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.music_translation import DomainClassifier, Translator
from zoo.objectives.translation import Translation


def translation(
    source: Domains,
    model: Translator,
    transforms: Sequence[Transform],
    *,
    samples: int,
    batch: int,
    optimizer: optax.GradientTransformation,
    crop: TrackCrop | None = None,
    **training: Any,
) -> Experiment:
    """The experiment. samples: of an example. batch: examples of each domain.

    training: the rest of an Experiment.
    """
    names, pool = source.info.labels, model.encoder.pool
    classifier = DomainClassifier(len(names), dtype=model.encoder.dtype)
    context = -(-model.decoder.receptive_field // pool) * pool
    return Experiment(
        data=DomainData(source, tuple(transforms), crop, (ToFloat(), LocalPitch())),
        objective=Translation(model, classifier, names),
        optimizers={"classifier": optimizer, "model": optimizer},
        evaluation=Likelihood(context + 2 * samples, context, batch=1, keys=("domain",)),
        batch=batch * len(names),
        **training,
    )
