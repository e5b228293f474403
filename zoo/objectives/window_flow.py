"""Exact likelihood of windows of audio under an invertible model without a condition.

The loss is nats per sample of a density over amplitudes, so negative values are normal:
  log p(x) = log prior(z) + log-determinant, both summed over a window and divided by its length.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.objectives import clips, one_network
from zoo.objectives.base import Batch, Outcome, Request, Turn, Variables


@dataclass(frozen=True)
class WindowFlow:
    """Maximum likelihood of batch[`audio`] [B T 1]; one player, 'model'.

    model(audio) -> (z [B T], log-determinant [B]) with an `inverse(z)` and `samples`, the T it
    takes. prior: of every number of z, standard. dither: width, in steps of 16-bit PCM, of uniform
    noise added to the audio; 1 keeps the density of digital silence finite.
    """

    model: nn.Module
    prior: Literal["logistic", "normal"] = "normal"
    dither: float = 1.0
    audio: str = "audio"

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """Couplings end in zeros at first, so that nothing before reaches the very first loss."""
        return getattr(self.model, "zero_gradient_at_init", ())

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.begin(self.model, rng, batch[self.audio])

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array) -> Outcome:
        nats = jnp.mean(self._nats(variables, batch, rng))
        return nats, ({}, {"bits_per_sample": nats / math.log(2)})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B]}: the negative log-likelihood per sample of each window."""
        return {"nats": self._nats(variables, batch, rng)}

    def _nats(self, variables: Variables, batch: Batch, rng: jax.Array) -> jax.Array:
        audio = batch[self.audio]
        if self.dither:
            audio += (jax.random.uniform(rng, audio.shape) - 0.5) * self.dither / 2**15
        output: Any = self.model.apply(variables.of("model"), audio)
        z, log_det = output
        return -(jnp.sum(self._log_prior(z), axis=1) + log_det) / audio.shape[1]

    def _log_prior(self, z: jax.Array) -> jax.Array:
        if self.prior == "logistic":
            return jax.nn.log_sigmoid(z) + jax.nn.log_sigmoid(-z)
        return -0.5 * (jnp.square(z) + math.log(2 * math.pi))

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of one window after another, z scaled by the temperature."""
        make = partial(self._make, request.count, variables)
        return clips.drawn(make, request, "a flow")

    @partial(jax.jit, static_argnums=(0, 1))
    def _make(
        self,
        count: int,
        variables: Variables,
        key: jax.Array,
        temperature: jax.Array,
        number: jax.Array,
    ) -> jax.Array:
        law = jax.random.logistic if self.prior == "logistic" else jax.random.normal
        draw = jax.vmap(lambda k: law(k, (self.model.samples,)))
        z = temperature * draw(clips.keys(key, number, count))
        audio: Any = self.model.apply(variables.of("model"), z, method="inverse")
        return audio
