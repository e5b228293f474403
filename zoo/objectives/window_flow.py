"""Exact likelihood of windows of audio under an invertible model without a condition.

The loss is nats per sample of a density over amplitudes, so negative values are normal:
  log p(x) = log prior(z) + log-determinant, both summed over a window and divided by its length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.objectives import clips, one_network
from zoo.objectives.base import Batch, LossOutput, Turn, Variables


@dataclass(frozen=True)
class WindowFlow(clips.WindowGenerator):
    """Maximum likelihood of batch[`audio`] [B T 1]; one player, 'model'.

    model(audio) -> (z [B T], log-determinant [B]) with an `inverse(z)` and `samples`, the T it
    takes. prior: of every number of z, standard. dither: width, in steps of 16-bit PCM, of uniform
    noise added to the audio; 1 keeps the density of digital silence finite.
    """

    model: nn.Module
    prior: Literal["logistic", "normal"] = "normal"
    dither: float = 1.0
    audio: str = "audio"

    named: ClassVar[str] = "a flow"

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """Couplings end in zeros at first, so that nothing before reaches the very first loss."""
        return getattr(self.model, "zero_gradient_at_init", ())

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, batch[self.audio])

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
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

    def _drawn(self, variables: Variables, keys: jax.Array, temperature: Any) -> jax.Array:
        """Audio [B T 1], a key for each."""
        law = jax.random.logistic if self.prior == "logistic" else jax.random.normal
        z = temperature * jax.vmap(lambda k: law(k, (self.model.samples,)))(keys)
        audio: Any = self.model.apply(variables.of("model"), z, method="inverse")
        return audio
