"""Networks that estimate the magnitudes of sources, compared as spectrograms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.losses.waveform import l1
from zoo.objectives import one_network
from zoo.objectives.base import Batch, Outcome, Turn, Variables
from zoo.objectives.supervised import Supervised


@dataclass(frozen=True)
class Masking:
    """The model's `magnitudes` of the mixture against its `targets` of the stems; one player.

    Evaluation hears the model's audio, [B T S C]. loss: ([B F N S C] twice) -> [B].
    """

    model: nn.Module
    loss: Callable[[jax.Array, jax.Array], jax.Array] = l1
    input: str = "mixture"
    target: str = "stems"
    zero_gradient_at_init: tuple[str, ...] = ()  # layers of a published layout that have no effect

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return self._audio().init(rng, batch)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array) -> Outcome:
        mix, rngs = batch[self.input], {"dropout": rng}
        estimates, changed = one_network.train(
            self.model, variables, rngs, mix, method="magnitudes"
        )
        targets = self.model.apply({}, batch[self.target], method="targets")
        value = jnp.mean(self.loss(estimates, targets))
        return value, (changed, {})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        return self._audio().predict(variables, batch, rng)

    def _audio(self) -> Supervised:
        return Supervised(self.model, self.loss, self.input, self.target)
