"""Maximum likelihood of audio given the notes that are played in it; one player, 'model'.

Reads `audio` [B T 1] and `roll` [B F ...] of zoo/data/held_rolls.py: velocities of keys that are
held, uint8 [B F 88], or these and the age of each stroke. Without `audio`, it plays the roll.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.objectives.base import Batch, Request, Variables
from zoo.objectives.likelihood import Autoregressive, Condition
from zoo.sampling import autoregressive
from zoo.sampling.conditions import Upsampled
from zoo.sampling.rule import AS_LEARNT, SamplerRule

_LOUDEST = 127.0
_Roll = Callable[[Any, int, float], Any]  # notes, frames, seconds of one -> [F 88]


def of_roll(batch: Batch) -> jax.Array:
    """Velocities / 127, [B F 88] float32, of the batch's `roll`."""
    return batch["roll"].astype(jnp.float32) / _LOUDEST


def as_it_is(batch: Batch) -> jax.Array:
    """The batch's `roll`, where `struck_roll` made it [B F 176]."""
    return batch["roll"]


@dataclass(frozen=True)
class PlayedNotes(Autoregressive):
    """Mean negative log-likelihood per sample, as `Autoregressive`; plays `request.notes`.

    held: how notes become a roll: `held_roll` or `struck_roll` of zoo/data/held_rolls.py. hop:
    samples of a frame. rate: Hz of the audio. rule: by which `predict` plays.
    """

    condition: Condition | None = of_roll
    held: _Roll = field(kw_only=True)
    hop: int = 64
    rate: int = 16_000
    rule: SamplerRule = AS_LEARNT

    needs_source: ClassVar[bool] = False
    needs_notes: ClassVar[bool] = True

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """As `Autoregressive`; without audio, what is played from the roll, {'audio': [B T 1]}.

        batch[`index`] [B] then is the number of the voice, which names its noise.
        """
        if self.audio in batch:
            return super().predict(variables, batch, rng)
        condition = self._given(batch)["condition"]
        model, own = self.model, variables.of("model")
        made = self.model.apply(own, condition, method="upsample")
        state = autoregressive.start_voices(model, own, count=len(made))
        state = state.replace(voices=batch["index"].astype(jnp.uint32))
        return {"audio": autoregressive.draw_all(model, own, state, made, self.rule)}

    def _followed(self, condition: Condition, variables: Variables, request: Request) -> Upsampled:
        if request.notes is None:
            raise BadInput("this model plays notes: give it a MIDI file with --input")
        if request.prompt is not None or request.source is not None:
            raise BadInput("a model that plays notes takes no audio: leave it out")
        if request.length < 1:
            raise BadInput("this model plays notes, which end: say how many samples")
        frames = -(-request.length // self.hop)
        roll = self.held(request.notes, frames, self.hop / self.rate)[None]
        return self._upsampled(variables, condition({"roll": jnp.asarray(roll)}), request.count)
