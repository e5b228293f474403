"""Systems that learn nothing beforehand: fitted to each example in `predict`, without turns."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives.base import Batch, Turn, Variables


@dataclass(frozen=True)
class ClosedForm:
    """A model without parameters of a mixture [B T C] and its references [B T S C] -> [B T S C].

    Oracles mask with the references. So such a system is scored (`evaluate.py --config`), and
    cannot separate a song of which no stems exist; `Blind` ones can.
    """

    model: Network
    input: str = "mixture"
    references: str = "stems"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return Variables({})

    @property
    def turns(self) -> tuple[Turn, ...]:
        return ()

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        if self.references not in batch:
            raise BadInput(
                f"{type(self.model).__name__} needs the stems of what it separates: score it on a "
                "data set with evaluate.py --config, and separate songs with a trained model"
            )
        given = batch[self.input], batch[self.references]
        return {"prediction": self.model.apply({}, *given, rngs={"init": rng})}
