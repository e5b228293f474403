"""Maximum likelihood under a recurrent model, window by window, its state carried across batches.

Truncated back-propagation: batches are consecutive windows of the same clips (zoo/data/windows.py),
the state at the end of one is where the next begins, and no gradient passes between them. The
state is the collection 'memory', one row per example; batch[`reset`] [B] marks where a clip begins.
The model has window(audio, carry) -> (raw, carry), restart(carry, reset) and initial(batch).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.losses.likelihood import counted_mean
from zoo.network import Network
from zoo.objectives.base import Batch, LossOutput, Request, Tree, Turn, Variables
from zoo.sampling import autoregressive


@dataclass(frozen=True)
class RecurrentLikelihood:
    """Mean negative log-likelihood per sample of batch[`audio`] [B T 1], in nats.

    mask: the batch key of what counts, 1 or 0 [B T], for pieces of different lengths. window:
    samples that `predict` works on at a time, so that long records fit into memory.
    """

    model: Network
    audio: str = "audio"
    reset: str = "reset"
    window: int = 1024
    mask: str | None = None

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        audio = batch[self.audio]
        params = self.model.init(rng, audio)["params"]
        return Variables({"model": params}, {"model": {"memory": self.model.initial(len(audio))}})

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        memory, audio = variables.collections["model"]["memory"], batch[self.audio]
        rows = len(jax.tree.leaves(memory)[0])
        if rows != len(audio):
            raise BadInput(f"{rows} carried states for {len(audio)} examples: use accumulate=1")
        carry = self.model.restart(memory, batch[self.reset])
        raw, carry = self._follow(variables, audio, carry)
        nats = -self.model.distribution.log_prob(raw, audio)
        nats = counted_mean(nats, batch[self.mask] if self.mask else None)
        return nats, ({"model": {"memory": carry}}, {"bits_per_sample": nats / math.log(2)})

    def _follow(
        self, variables: Variables, audio: jax.Array, carry: Tree
    ) -> tuple[jax.Array, Tree]:
        params = {"params": variables.params["model"]}
        return self.model.apply(params, audio, carry, method="window")

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B T]} of whole records: each begins afresh and carries its state to its end."""
        audio = batch[self.audio]
        count, length = audio.shape[:2]
        padded = jnp.pad(audio, ((0, 0), (0, -length % self.window), (0, 0)))
        windows = padded.reshape(count, -1, self.window, 1).swapaxes(0, 1)

        def body(carry: Tree, window: jax.Array) -> tuple[Tree, jax.Array]:
            raw, carry = self._follow(variables, window, carry)
            return carry, -self.model.distribution.log_prob(raw, window)

        _, nats = jax.lax.scan(body, self.model.initial(count), windows)
        return {"nats": nats.swapaxes(0, 1).reshape(count, -1)[:, :length]}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of new audio."""
        return (audio for audio, _ in self.scored(variables, request))

    def scored(self, variables: Variables, request: Request) -> Iterator[tuple[Any, Any]]:
        """The chunks of `generate`, each with the log-likelihood [count] of all so far, in nats."""
        return autoregressive.generate_scored(
            self.model,
            {"params": variables.params["model"]},
            length=request.length,
            count=request.count,
            seed=request.seed,
            rule=request.rule,
            engine=request.engine,
            prompt=request.prompt,
            chunk=request.chunk,
        )
