"""Fine-tuning with frozen parts of a network: no dropout there, fixed batch statistics.

The optimiser leaves their parameters alone (`zoo.training.optimizers.freeze`); this wrapper has
them run as at inference, without dropout and with the moving statistics of their batch norms, as
timm's `freeze` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import flax.linen as nn
import jax

from zoo.errors import BadInput
from zoo.objectives.base import Batch, Embedding, LossOutput, Objective, Turn, Variables


@dataclass(frozen=True)
class PartlyFrozen:
    """`objective`, in which modules whose path holds one of `parts` run with train=False.

    The path of params['timbral_1']['block'] reads 'timbral_1/block'.
    """

    objective: Objective
    parts: tuple[str, ...]

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """As of the objective."""
        return getattr(self.objective, "zero_gradient_at_init", ())

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return self.objective.init(rng, batch)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(replace(turn, loss=partial(self._loss, turn)) for turn in self.objective.turns)

    def _loss(
        self, turn: Turn, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        with nn.intercept_methods(self._as_at_inference):
            return turn.loss(variables, batch, rng, step)

    def _as_at_inference(
        self, call: Callable, arguments: tuple, given: dict[str, Any], context: Any
    ) -> Any:
        path = "/".join(context.module.path)
        if "train" in given and any(part in path for part in self.parts):
            given = {**given, "train": False}
        return call(*arguments, **given)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        return self.objective.predict(variables, batch, rng)

    def embed(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """As of the objective, where it has it."""
        if not isinstance(self.objective, Embedding):
            raise BadInput(f"{type(self.objective).__name__} has no embedding")
        return self.objective.embed(variables, batch, rng)
