"""How taggers are trained: as in the benchmark of 2020, and on the embedded music."""

from __future__ import annotations

from typing import Any

import optax

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.sets.magnatagatune import MagnaTagATune
from zoo.data.sets.million_song import MillionSong
from zoo.data.source import Source
from zoo.data.transforms import Crop, Keep, Pad, ToFloat
from zoo.errors import BadInput
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import adam, warmup_cosine

CLIPS = 15_244  # of the training split of MagnaTagATune, protocol 'sample_cnn'


def corpus(labels: str, path: str, sample_rate: int = 16_000) -> Source:
    """The data whose tags published weights have: 'magnatagatune' or 'million_song'."""
    if labels == "magnatagatune":
        return MagnaTagATune(path, protocol="sample_cnn", sample_rate=sample_rate)
    if labels == "million_song":
        return MillionSong(path, sample_rate)
    raise BadInput(f"labels={labels}: choose magnatagatune or million_song")


def benchmark(
    model: Any, source: Source, *, batch: int, steps: int, learning_rate: float, weight_decay: float
) -> Experiment:
    """The training of Won et al. 2020 (SMC), of a model that has `samples`.

    Adam with L2 on every parameter, norms and biases too; one random segment of each clip an epoch;
    a clip's score is the mean of 16 evenly spaced segments. Deviation: after 80 and 100 epochs Adam
    goes on at a tenth of its learning rate, where theirs goes to SGD (0.001, 0.0001, 0.00001 after
    80, 100, 120) from the weights of the lowest validation loss.
    """
    n, epoch = model.samples, CLIPS // batch
    rates = optax.piecewise_constant_schedule(learning_rate, {80 * epoch: 0.1, 100 * epoch: 0.1})
    optimizer = optax.chain(optax.add_decayed_weights(weight_decay), adam(rates))
    return Experiment(
        data=Data(source, (Pad(n), Crop(n), ToFloat(), Keep("audio", "tags"))),
        objective=Supervised(model, binary_cross_entropy, link=sigmoid),
        optimizers={"model": optimizer},
        evaluation=Tagging(model.samples, batch=batch, segments=16),
        batch=batch,
        steps=steps,
        evaluate_every=epoch,
        save_every=1000,
        log_every=50,
    )


def embedded(
    model: Any, source: ScoreRender, *, batch: int, steps: int, learning_rate: float
) -> Experiment:
    """A small training on the embedded music, of a model that has `samples`: minutes of CPU."""
    return Experiment(
        data=Data(source, (Crop(model.samples), ToFloat(), Keep("audio", "tags", "known"))),
        objective=Supervised(model, binary_cross_entropy, mask="known", link=sigmoid),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50))},
        evaluation=Tagging(model.samples, batch=32),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=300,
        save_every=100,
    )
