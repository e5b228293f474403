"""Blind separation: components fitted to a mixture alone, without training, turns or references."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from zoo.network import Network
from zoo.objectives.base import Batch, Turn, Variables


@dataclass(frozen=True)
class Blind:
    """A model without parameters that takes a mixture apart, [B T C] -> [B T S C].

    Its sources have no names and no order: `BlindSeparation` finds which stem each is.
    """

    model: Network
    input: str = "mixture"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return Variables({})

    @property
    def turns(self) -> tuple[Turn, ...]:
        return ()

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'prediction': [B T S C]}; the same mixture gives the same sources."""
        return {"prediction": self.model.apply({}, batch[self.input], rngs={"init": rng})}
