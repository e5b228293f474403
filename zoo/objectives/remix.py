"""Remix augmentation: the sources of a batch are permuted, so that every step has new mixtures.

Défossez et al. 2019, section on data augmentation; it needs whole batches, hence not a transform of
examples but a stage before another objective's loss, compiled with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax

from zoo.errors import BadInput
from zoo.objectives.base import Batch, LossOutput, Objective, Turn, Variables


@dataclass(frozen=True)
class Remix:
    """`objective`, whose training batches have their sources exchanged and the mixture re-summed.

    Each source is permuted by itself within groups of `group` examples: the chance that two sources
    of one song meet again does not fall or rise with the batch. Evaluation is the objective's own.
    """

    objective: Objective
    group: int = 4
    stems: str = "stems"
    mixture: str = "mixture"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return self.objective.init(rng, batch)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(replace(turn, loss=partial(self._loss, turn)) for turn in self.objective.turns)

    @property
    def initialize(self) -> Any:
        """The objective's pass over the training split before step 0, if it has one."""
        return getattr(self.objective, "initialize", None)

    @property
    def held_out_loss(self) -> Any:
        """The objective's loss of an unmixed batch, by which monitor=("loss", "min") selects."""
        return getattr(self.objective, "held_out_loss", None)

    def _loss(
        self, turn: Turn, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        rng, own = jax.random.split(rng)
        stems = permute_sources(own, batch[self.stems], self.group)
        batch = {**batch, self.stems: stems, self.mixture: stems.sum(-2)}
        return turn.loss(variables, batch, rng, step)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        return self.objective.predict(variables, batch, rng)


def permute_sources(rng: jax.Array, stems: jax.Array, group: int) -> jax.Array:
    """[B T S C] with each source permuted among every `group` consecutive examples."""
    batch, _, sources, _ = stems.shape
    if batch % group:
        raise BadInput(f"remixing goes by groups of {group}: batch={batch} is no multiple of it")
    grouped = stems.reshape(batch // group, group, *stems.shape[1:])
    order = jax.random.uniform(rng, (batch // group, group, sources)).argsort(1)
    pick = jax.vmap(lambda examples, places: examples[places], (2, 1), 2)  # over sources
    return jax.vmap(pick)(grouped, order).reshape(stems.shape)
