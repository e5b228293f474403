"""GANSynth's training: resolutions one after another, optimisers that begin anew at each border."""

from __future__ import annotations

from dataclasses import replace

from zoo.data.pipeline import Data
from zoo.data.source import Source
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.sampled import Sampled
from zoo.experiment import Experiment
from zoo.objectives.progressive_gan import ProgressiveGAN
from zoo.training.optimizers import adam
from zoo.training.stages import Stage, by_steps


def gansynth_experiment(
    objective: ProgressiveGAN,
    source: Source,
    *,
    batch: int,
    steps: int,
    learning_rate: float,
    evaluate_every: int,
    evaluate_limit: int | None,
    save_every: int,
    ema_decay: float,
    seed: int,
) -> Experiment:
    """Both players' Adam without a first moment; the held-out clips' pitches are generated."""
    samples = objective.layout.samples
    optimizer = adam(learning_rate, b1=0.0, b2=0.99)
    return Experiment(
        data=Data(source, (Crop(samples), ToFloat(), Keep("audio", "pitch"))),
        objective=objective,
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=Sampled(samples, keys=("pitch",), note="pitch"),
        batch=batch,
        steps=steps,
        stages=stages(objective),
        ema_decay=ema_decay,
        evaluate_every=evaluate_every,
        evaluate_limit=evaluate_limit,
        save_every=save_every,
        seed=seed,
    )


def stages(objective: ProgressiveGAN) -> tuple[Stage, ...]:
    """A stage for each resolution alone, and before it one in which it fades in; none ungrown.

    Scores of one resolution are not compared with those of another.
    """
    growth, parts = objective.growth, []
    if growth is None:
        return ()
    for place in range(2 * objective.generator.resolutions - 1):
        images = growth.transition if place % 2 else growth.stable
        grown = replace(objective, blocks=(place + 1) // 2 + 1)
        stage = Stage(objective=grown, keep_optimizer=False, own_best=True)
        parts.append((images // growth.batch, stage))
    return by_steps(*parts[:-1], (0, parts[-1][1]))
