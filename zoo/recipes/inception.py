"""Classifiers of spoken digits for inception scores: WaveGAN's net on a source of clips."""

from __future__ import annotations

import jax.numpy as jnp
import optax

from zoo.data.pipeline import Data
from zoo.data.source import Source
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import one_of_k
from zoo.models.classification.inception import SAMPLES, Inception
from zoo.objectives.supervised import Supervised, softmax


def classifier(
    source: Source,
    optimizer: optax.GradientTransformation,
    *,
    width: int,
    batch: int,
    steps: int,
    every: int,
    bfloat16: bool,
    seed: int,
) -> Experiment:
    """every: steps between evaluations; the most accurate step is the best."""
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = Inception(len(source.info.labels), width, dtype=dtype)
    return Experiment(
        data=Data(source, (Crop(SAMPLES), ToFloat(), Keep("audio", "tags"))),
        objective=Supervised(model, one_of_k, link=softmax),
        optimizers={"model": optimizer},
        evaluation=Tagging(SAMPLES),
        batch=batch,
        steps=steps,
        evaluate_every=every,
        save_every=every,
        seed=seed,
    )
