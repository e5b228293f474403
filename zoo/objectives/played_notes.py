"""Maximum likelihood of audio given the notes that are played in it; one player, 'model'.

Reads `audio` [B T 1] and `roll` [B F 88] uint8, the velocities of the keys that are held.
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
from zoo.sampling.conditions import Upsampled

LOUDEST = 127.0
Roll = Callable[[Any, int, float], Any]  # notes, frames, seconds of one -> [F 88]


def of_roll(batch: Batch) -> jax.Array:
    """Velocities / 127, [B F 88] float32, of the batch's `roll`."""
    return batch["roll"].astype(jnp.float32) / LOUDEST


@dataclass(frozen=True)
class PlayedNotes(Autoregressive):
    """Mean negative log-likelihood per sample, as `Autoregressive`; plays `request.notes`.

    held: how notes become a roll: zoo/data/held_rolls.py. hop: samples of a frame. rate: Hz of the
    audio.
    """

    condition: Condition | None = of_roll
    held: Roll = field(kw_only=True)
    hop: int = 64
    rate: int = 16_000

    needs_source: ClassVar[bool] = False
    needs_notes: ClassVar[bool] = True

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
