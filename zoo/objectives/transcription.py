"""Transcription of notes: onsets, offsets, frames and velocities learnt at once; player 'model'."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import jax
import jax.numpy as jnp

from zoo.losses.transcription import (
    velocity_error,
    velocity_error_per_frame,
    weighted_cross_entropy,
)
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Metrics, Turn, Variables


@dataclass(frozen=True)
class Transcription:
    """Sum of the cross-entropies of the model's heads and the error of velocities at onsets.

    model(audio) -> {onsets, frames, velocities and maybe offsets} [B F K]; the batch holds targets
    of the same names. weights: the batch key of the weights of frames [B F K], None for none.
    emphasis: the weight of the rare frames in which a note begins (or ends); the papers' is 1.
    per_frame: velocity errors are means over frames, as the authors have them, not over onsets.
    softest, loudest: MIDI velocities that predictions of 0 and 1 are read as, over 128.
    """

    model: Network
    audio: str = "audio"
    weights: str | None = None
    emphasis: float = 1.0
    per_frame: bool = False
    softest: float = 0.0
    loudest: float = 1.0
    # A bias before a batch norm has no effect, but the published layout has one.
    zero_gradient_at_init: tuple[str, ...] = tuple(f"conv_{i}']['bias" for i in range(3))

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, batch[self.audio])

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        audio = batch[self.audio]
        heads, changed = one_network.apply_in_training(
            self.model, variables, {"dropout": rng}, audio
        )
        losses = self.losses(heads, batch)
        named = {f"{name}_loss": value for name, value in losses.items()}
        return reduce(jnp.add, losses.values()), (changed, named)

    def losses(self, heads: dict[str, jax.Array], batch: Batch) -> Metrics:
        """The mean over the batch of every head's loss."""
        error = velocity_error_per_frame if self.per_frame else velocity_error
        velocities = error(heads["velocities"], batch["velocities"], batch["onsets"])
        losses = {"velocities": jnp.mean(velocities)}
        for name in heads.keys() - {"velocities"}:
            weights = self._weights(name, batch)
            losses[name] = jnp.mean(weighted_cross_entropy(heads[name], batch[name], weights))
        return dict(sorted(losses.items()))

    def _weights(self, name: str, batch: Batch) -> jax.Array | None:
        if name == "frames":
            return batch[self.weights] if self.weights else None
        return 1.0 + (self.emphasis - 1.0) * batch[name]

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """Probabilities [B F K] of onsets, frames (and offsets); velocities in 0..1."""
        heads = dict(self.model.apply(variables.of("model"), batch[self.audio]))
        velocities = jnp.clip(heads.pop("velocities"), 0.0, 1.0)
        velocities = self.softest + (self.loudest - self.softest) * velocities
        return {**{k: jax.nn.sigmoid(v) for k, v in heads.items()}, "velocities": velocities}
