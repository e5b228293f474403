"""Several seeds of one small model trained by a single program: a turn's step under `vmap`.

A member's numbers are those of a run of its own seed, to rounding: initial weights, dropout and
updates depend on its seed, and it is given the batches of that seed. Worth it where a step is too
small to fill the device; a model that fills it gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from zoo.objectives.base import Batch, Metrics, Objective, Turn
from zoo.training import state, step
from zoo.training.state import Optimizers, TrainState


def initial_ensemble(
    objective: Objective,
    optimizers: Optimizers,
    seeds: Sequence[int],
    batches: Batch,
    ema_decay: float = 0.0,
) -> TrainState:
    """Initial states of all members, [S ...] each leaf. batches: the first of each, [S B ...]."""
    # Not under vmap: the generator of initial weights gives other numbers there.
    members = [
        state.initial_state(objective, optimizers, ema_decay, seed, member(batches, place))
        for place, seed in enumerate(seeds)
    ]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)


def make_ensemble_step(
    turn: Turn,
    optimizer: optax.GradientTransformation,
    seeds: Sequence[int],
    **how: Any,
) -> Callable[[TrainState, Batch, jax.Array], tuple[TrainState, Metrics]]:
    """(states [S ...], batches [S B ...], number of the turn) -> (states, metrics [S]).

    how: as of zoo.training.step.make_step, but for the seed. To be compiled by `jax.jit`.
    """

    def one(seed: jax.Array, own: TrainState, batch: Batch, number: jax.Array) -> Any:
        return step.make_step(turn, optimizer, seed=seed, **how)(own, batch, number)

    every = jax.vmap(one, in_axes=(0, 0, 0, None))
    return lambda states, batches, number: every(jnp.asarray(seeds), states, batches, number)


def stack(batches: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Batches of one shape, one per member -> [S B ...]."""
    return {key: np.stack([batch[key] for batch in batches]) for key in batches[0]}


def member(tree: Any, place: int) -> Any:
    """One member's part of states, batches or metrics."""
    return jax.tree.map(lambda leaf: leaf[place], tree)
