"""Quantile regression of each sample given those before, at levels drawn anew every time (AIQN).

Ostrovski, Dabney, Munos 2018: the mean over levels is half the continuous ranked probability score,
which is least for the true distribution, and there is no likelihood.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from zoo.losses.quantile import quantile_huber
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Request, Turn, Variables
from zoo.sampling import autoregressive


@dataclass(frozen=True)
class ImplicitQuantiles:
    """Of batch[`audio`] [B T 1]; one player, 'model'.

    model(audio, levels [B T K]) -> values [B T K]. draws: levels of each sample at a step. knee: of
    the Huber loss, in amplitude (.002 in the paper, as remembered). asked: levels of `predict`, at
    the middles of so many equal parts.
    """

    model: Network
    draws: int = 4
    knee: float = 0.002
    asked: int = 16
    audio: str = "audio"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        audio = batch[self.audio]
        return one_network.init_player(self.model, rng, audio, jnp.full(audio.shape, 0.5))

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        audio = batch[self.audio]
        levels = jax.random.uniform(rng, (*audio.shape[:2], self.draws))
        found = self.model.apply(variables.of("model"), audio, levels, train=True)
        return quantile_huber(found, audio, levels, self.knee).mean(), ({}, {})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'quantiles': [B T K]} at the levels (k + 1/2) / K."""
        audio = batch[self.audio]
        levels = (jnp.arange(self.asked) + 0.5) / self.asked
        every = jnp.broadcast_to(levels, (*audio.shape[:2], self.asked))
        return {"quantiles": self.model.apply(variables.of("model"), audio, every)}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1]. The temperature is how far samples lie from the median."""
        request.rule.temperature_alone("a model of quantiles")
        return autoregressive.generate(
            self.model,
            variables.of("model"),
            length=request.length,
            count=request.count,
            seed=request.seed,
            rule=request.rule,
            engine=request.engine,
            prompt=request.prompt,
            chunk=request.chunk,
        )
