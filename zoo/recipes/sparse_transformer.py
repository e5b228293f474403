"""The Sparse Transformer's likelihood: Adam with a warm-up, half a cosine and a clip of one."""

from __future__ import annotations

from typing import Any, Literal

from zoo.data.pipeline import Data
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.network import Network
from zoo.objectives.likelihood import Autoregressive
from zoo.training.optimizers import adam, warmup_cosine

PatternName = Literal["strided", "fixed"]
Combine = Literal["interleaved", "merged", "heads"]


def sparse_transformer_experiment(
    data: Data,
    model: Network,
    evaluation: Likelihood,
    *,
    learning_rate: float,
    warmup: int,
    steps: int,
    weight_decay: float = 0.0,
    **training: Any,
) -> Experiment:
    """training: the rest of an Experiment."""
    schedule = warmup_cosine(learning_rate, steps, warmup)
    return Experiment(
        data=data,
        objective=Autoregressive(model),
        optimizers={"model": adam(schedule, weight_decay=weight_decay, clip_norm=1.0)},
        evaluation=evaluation,
        steps=steps,
        **training,
    )
