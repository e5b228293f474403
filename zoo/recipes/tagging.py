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
from zoo.training.optimizers import adam, l2_regularisation, nesterov, warmup_cosine
from zoo.training.stages import Stage, by_steps

_CLIPS = 15_244  # of the training split of MagnaTagATune, protocol 'sample_cnn'


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

    Adam, and after 80 epochs SGD at 0.001, after 100 and 120 at a tenth of the rate before, each
    time from the weights of the lowest validation loss; L2 on every parameter, norms and biases
    too. An epoch is one random segment of each clip; a clip's score is the mean of 16 evenly spaced
    segments. Deviation: a clip that is too short is filled up at its end, not around it.
    """
    n, epoch = model.samples, _CLIPS // batch
    penalty = l2_regularisation(weight_decay)
    descent = {"model": optax.chain(penalty, nesterov(1e-3))}
    return Experiment(
        data=Data(source, (Pad(n), Crop(n), ToFloat(), Keep("audio", "tags"))),
        objective=Supervised(model, binary_cross_entropy, link=sigmoid),
        optimizers={"model": optax.chain(penalty, adam(learning_rate))},
        evaluation=Tagging(n, batch=batch, segments=16),
        batch=batch,
        steps=steps,
        monitor=("loss", "min"),
        stages=by_steps(
            (80 * epoch, Stage()),
            (20 * epoch, Stage(optimizers=descent, start="best")),
            (20 * epoch, Stage(learning_rate_scale=0.1, start="best")),
            (0, Stage(learning_rate_scale=0.01, start="best")),
        ),
        evaluate_every=epoch,
        save_every=1000,
        log_every=50,
    )


def score_render_tagging(
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
