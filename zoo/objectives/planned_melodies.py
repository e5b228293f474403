"""Squared error of a melody's next slice, after what was played and under a plan; one player.

Reads `plan` [B M] and `slices` [B T K]. Plans between those that were learnt give new melodies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.objectives import one_network, performing
from zoo.objectives.base import Batch, LossOutput, NotePlayer, Performance, Request, Turn, Variables


class _Slices(Protocol):
    """How slices become notes: zoo/data/score_render/melodies.py."""

    @property
    def seconds(self) -> float: ...

    def decode(self, slices: np.ndarray) -> Any: ...


@dataclass(frozen=True)
class PlannedMelodies:
    """Mean squared error over all units and slices.

    model: as zoo/models/generation/todd.py. melodies: how many plans there are. With seed 0, voice
    v plays melody v; with others a plan between two that the seed draws.
    """

    model: nn.Module
    slices: _Slices
    instrument: NotePlayer
    melodies: int
    rate: int = 16_000

    continues = False

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, batch["plan"], batch["slices"])

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        units, changed = one_network.apply_in_training(
            self.model, variables, {}, batch["plan"], batch["slices"]
        )
        return jnp.square(units - batch["slices"]).mean(), (changed, {})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'slices': [B T K]} of 0 and 1: what the network plays by itself under each plan."""
        count = batch["slices"].shape[1]
        return {"slices": _play(self.model, variables.of("model"), batch["plan"], count)}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of audio: what is composed, played."""
        yield from performing.render_performances(
            self.compose(variables, request), self.instrument, request
        )

    def compose(self, variables: Variables, request: Request) -> list[Performance]:
        """As zoo/objectives/base.py has it."""
        performing.check_composable(type(self.model).__name__, request, self.continues)
        request.rule.temperature_alone(type(self.model).__name__)
        seconds = request.length / self.rate
        plans = np.stack([self._plan(request.seed, voice) for voice in range(request.count)])
        played = self._played(variables, plans, int(np.ceil(seconds / self.slices.seconds)))
        notes = [performing.clip_notes(self.slices.decode(voice), seconds) for voice in played]
        return [Performance(own) for own in notes]

    def _played(self, variables: Variables, plans: np.ndarray, count: int) -> np.ndarray:
        """Slices [B count K], by whole blocks so that few lengths are compiled."""
        whole = -(-count // _BLOCK) * _BLOCK
        return np.asarray(_play(self.model, variables.of("model"), plans, whole))[:, :count]

    def _plan(self, seed: int, voice: int) -> np.ndarray:
        every = np.eye(self.melodies, dtype=np.float32)
        if not seed:
            return every[voice % self.melodies]
        rng = np.random.default_rng((seed, voice))
        one, other = rng.choice(self.melodies, 2, replace=self.melodies < 2)
        share = np.float32(rng.uniform(0.2, 0.8))
        return share * every[one] + (1 - share) * every[other]


_BLOCK = 32  # slices


@partial(jax.jit, static_argnames=("model", "count"))
def _play(model: nn.Module, variables: Any, plan: jax.Array, count: int) -> Any:
    """What the model plays by itself, [B count K]."""
    return model.apply(variables, plan, count, method="play")
