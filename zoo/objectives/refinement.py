"""Squared error of a critic's judgement, and creation by refinement of its input; one player.

Reads `slices` [B T K] and `score` [B]. What is composed began as noise: gradient descent on the
input, the critic unchanged, until it is judged good.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from zoo.network import Network
from zoo.objectives import one_network, performing
from zoo.objectives.base import Batch, LossOutput, NotePlayer, Performance, Request, Turn, Variables


class _Slices(Protocol):
    """How slices become notes: zoo/data/score_render/melodies.py."""

    @property
    def seconds(self) -> float: ...

    def decode(self, slices: np.ndarray) -> Any: ...


@dataclass(frozen=True)
class Refinement:
    """Mean squared error of scores; composes patterns of `length` slices, one after the other.

    model: slices [B T K] -> [B] in (0, 1). rounds: of descent on the input, each a step of `pace`
    times the gradient by the logits of pitches and beginnings. wide: standard deviation of the
    logits it starts from, at temperature 1. rate: Hz of the instrument.
    """

    model: Network
    slices: _Slices
    instrument: NotePlayer
    length: int
    units: int = 15
    rounds: int = 400
    pace: float = 30.0
    wide: float = 1.0
    rate: int = 16_000

    continues = False

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, batch["slices"])

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        found, changed = one_network.apply_in_training(self.model, variables, {}, batch["slices"])
        return jnp.square(found - batch["score"]).mean(), (changed, {})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'score': [B]}: the critic's judgements."""
        return {"score": self.model.apply(variables.of("model"), batch["slices"])}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of audio: what is composed, played."""
        yield from performing.render_performances(
            self.compose(variables, request), self.instrument, request
        )

    def compose(self, variables: Variables, request: Request) -> list[Performance]:
        """As zoo/objectives/base.py has it."""
        who = type(self.model).__name__
        performing.check_composable(who, request, self.continues)
        temperature = np.float32(request.rule.temperature_alone(who))
        seconds = request.length / self.rate
        patterns = int(np.ceil(seconds / (self.length * self.slices.seconds)))
        drawn = []
        for number in range(patterns):
            begun = self.begun(request, number, temperature)
            drawn.append(
                refine_logits(self.model, variables.of("model"), begun, self.rounds, self.pace)
            )
        lines = np.concatenate([np.asarray(decide_pitches(logits)) for logits in drawn], 1)
        notes = [performing.clip_notes(self.slices.decode(line), seconds) for line in lines]
        return [Performance(own) for own in notes]

    def begun(self, request: Request, number: int, temperature: np.float32) -> np.ndarray:
        """Logits [count T K] of a pattern before refinement, of each voice's own noise."""
        shape = self.length, self.units
        every = [
            np.random.default_rng((request.seed, voice, number)).normal(size=shape)
            for voice in range(request.count)
        ]
        return np.float32(self.wide * temperature) * np.stack(every).astype(np.float32)


def soft(logits: jax.Array) -> jax.Array:
    """Logits [B T K] -> slices: chances of the pitches, and of a beginning."""
    pitches = jax.nn.softmax(logits[..., :-1])
    return jnp.concatenate([pitches, jax.nn.sigmoid(logits[..., -1:])], -1)


def decide_pitches(logits: jax.Array) -> jax.Array:
    """Logits [B T K] -> slices of 0 and 1: one pitch each."""
    units = logits.shape[-1] - 1
    pitches = jax.nn.one_hot(logits[..., :-1].argmax(-1), units)
    return jnp.concatenate([pitches, (logits[..., -1:] > 0).astype(jnp.float32)], -1)


@partial(jax.jit, static_argnames=("model", "rounds"))
def refine_logits(
    model: Network, variables: Any, logits: Any, rounds: int, pace: float
) -> jax.Array:
    """The logits [B T K] after descent on the squared distance of their judgement to 1."""

    def missing(logits: jax.Array) -> jax.Array:
        return jnp.square(1 - model.apply(variables, soft(logits))).sum()

    def body(_: Any, logits: jax.Array) -> jax.Array:
        return logits - pace * jax.grad(missing)(logits)

    return jax.lax.fori_loop(0, rounds, body, jnp.asarray(logits))
