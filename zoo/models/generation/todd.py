"""Todd's sequential network: plan and memory of what was played -> the next slice of a melody.

P. M. Todd, "A connectionist approach to algorithmic composition", Computer Music Journal 1989 (and
his thesis of 1988): a Jordan network. Plan units name a melody and stay; state units hold what was
put out, each step `decay` of before; 15 hidden units; outputs are 14 pitches and a unit that says
that a note begins. Teacher-forced, squared error.

Remembered, not read there: 15 hidden units, a decay of .8, eighth notes as slices. Choices
- what goes back into the state when it plays is what it decided on (a pitch or none, 0 or 1);
- all units are logistic.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


class Todd(nn.Module):
    """Slices from the plan and those before, plan [B M], slices [B T K] -> [B T K] in (0, 1)."""

    outputs: int = 15
    hidden: int = 15
    decay: float = 0.8
    dtype: Any = jnp.float32

    receptive_field = math.inf  # the state fades, and never ends

    def setup(self) -> None:
        self.enter = nn.Dense(self.hidden, dtype=self.dtype)
        self.leave = nn.Dense(self.outputs, dtype=self.dtype)

    def __call__(self, plan: jax.Array, slices: jax.Array, *, train: bool = False) -> jax.Array:
        def remember(state: jax.Array, played: jax.Array) -> tuple[jax.Array, jax.Array]:
            return self.remember(state, played), state

        begun = jnp.zeros_like(slices[:, 0])
        _, states = jax.lax.scan(remember, begun, slices.swapaxes(0, 1))
        plans = jnp.broadcast_to(plan[:, None], (*slices.shape[:2], plan.shape[-1]))
        return self._units(jnp.concatenate([plans, states.swapaxes(0, 1)], -1))

    def remember(self, state: jax.Array, played: jax.Array) -> jax.Array:
        """The state [B K] after a slice [B K] was played."""
        return self.decay * state + played

    def play(self, plan: jax.Array, count: int) -> jax.Array:
        """What it plays by itself, plan [B M] -> slices [B count K] of 0 and 1."""
        state, played = jnp.zeros((len(plan), self.outputs)), []
        for _ in range(count):
            played.append(decide_units(self._units(jnp.concatenate([plan, state], -1))))
            state = self.remember(state, played[-1])
        return jnp.stack(played, 1)

    def _units(self, x: jax.Array) -> jax.Array:
        return nn.sigmoid(self.leave(nn.sigmoid(self.enter(x))).astype(jnp.float32))


def decide_units(units: jax.Array) -> jax.Array:
    """Outputs [... K] in (0, 1) -> 0 or 1: the strongest pitch, if above one half; the flag."""
    pitches, flag = units[..., :-1], units[..., -1:]
    strongest = jax.nn.one_hot(pitches.argmax(-1), pitches.shape[-1])
    sounds = strongest * (pitches.max(-1, keepdims=True) > 0.5)
    return jnp.concatenate([sounds, (flag > 0.5).astype(sounds.dtype)], -1)
