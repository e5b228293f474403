"""Maximum likelihood of piano rolls: every key of the next step a Bernoulli variable; one player.

Reads `roll` [B T K] of 0 and 1 and `known` [B T], 1 at the steps of the piece, 0 where it was
filled up. The first step of a piece only serves as context (Bai, Kolter, Koltun 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax

from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Turn, Variables


@dataclass(frozen=True)
class RollLikelihood:
    """Sum over the steps of a piece of their negative log-likelihoods in nats, mean over pieces.

    model: [B T K] -> logits [B T K] of the step after each, causal.
    """

    model: Network

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, self._input(batch))

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        logits, changed = one_network.apply_in_training(
            self.model, variables, {"dropout": rng}, self._input(batch)
        )
        nats = _nats_per_step(logits, batch)
        steps = jnp.maximum(batch["known"][:, 1:].sum(dtype=jnp.float32), 1)
        return nats.sum(1).mean(), (changed, {"nats_per_step": nats.sum() / steps})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B T-1]}: of steps 1 to T-1, zero where the piece has ended."""
        logits = self.model.apply(variables.of("model"), self._input(batch))
        return {"nats": _nats_per_step(logits, batch)}

    def _input(self, batch: Batch) -> jax.Array:
        return batch["roll"][:, :-1].astype(jnp.float32)


def _nats_per_step(logits: jax.Array, batch: Batch) -> jax.Array:
    """Summed over keys: logits [B T-1 K] of steps 1 to T-1 -> [B T-1], zero after the end."""
    target = batch["roll"][:, 1:].astype(jnp.float32)
    nats = optax.sigmoid_binary_cross_entropy(logits, target).sum(-1)
    return nats * batch["known"][:, 1:].astype(jnp.float32)
