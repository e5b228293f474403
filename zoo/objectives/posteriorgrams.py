"""Onsets, frames and contours of notes learnt at once, as Basic Pitch does; player 'model'."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.losses.transcription import balanced_cross_entropy, smoothed_cross_entropy
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Metrics, Turn, Variables

_NAMES = ("onsets", "frames", "contours")


@dataclass(frozen=True)
class Posteriorgrams:
    """Sum of the cross-entropies of three heads with smoothed targets (Bittner et al. 2022).

    model(audio) -> logits onsets, frames [B F K] and contours [B F K']; the batch holds targets of
    the same names. positive: the weight of the frames in which a note begins, as a class of their
    own beside all others' 1 - positive; None: all frames count the same.
    """

    model: Network
    audio: str = "audio"
    smoothing: float = 0.2
    positive: float | None = None
    # A bias before a batch norm has no effect, but the published weights have one.
    zero_gradient_at_init: tuple[str, ...] = ("contour_conv']['bias", "onset_conv']['bias")

    def __post_init__(self) -> None:
        share = 0.5 if self.positive is None else self.positive
        if not 0 <= self.smoothing < 1 or not 0 < share < 1:
            raise BadInput(
                f"smoothing {self.smoothing} and positive {self.positive}: use numbers from 0 to 1"
            )

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, batch[self.audio])

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        heads, changed = one_network.apply_in_training(self.model, variables, {}, batch[self.audio])
        losses = {name: jnp.mean(value) for name, value in self.losses(heads, batch).items()}
        named = {f"{name}_loss": value for name, value in losses.items()}
        return reduce(jnp.add, losses.values()), (changed, named)

    def held_out_loss(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'loss': [B]}, with the running statistics."""
        heads = self.model.apply(variables.of("model"), batch[self.audio])
        return {"loss": reduce(jnp.add, self.losses(heads, batch).values())}

    def losses(self, heads: dict[str, jax.Array], batch: Batch) -> Metrics:
        """Every head's loss, [B]; over the batch their means are the authors'."""
        each = {
            name: smoothed_cross_entropy(heads[name], batch[name], self.smoothing)
            for name in _NAMES
        }
        if self.positive is not None:
            each["onsets"] = balanced_cross_entropy(
                heads["onsets"], batch["onsets"], self.positive, self.smoothing
            )
        return each

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """Probabilities [B F K] of onsets, frames and contours."""
        heads = self.model.apply(variables.of("model"), batch[self.audio])
        return {name: jax.nn.sigmoid(heads[name]) for name in _NAMES}
