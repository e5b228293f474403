"""Batch statistics of the EMA weights, measured over training batches ("standing statistics").

An exponential moving average smooths the weights, but the running means and variances in the
collections belong to the raw ones. Before an evaluation they are counted anew from some training
batches, with the averaged weights in their place (as BigGAN and GAN-TTS do).
"""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from zoo.objectives.base import Batch, Objective, Tree, Turn, Variables
from zoo.training.state import TrainState

COUNTED = "batch_stats"

_HostBatch = dict[str, np.ndarray]


def recalibrated(
    objective: Objective, now: TrainState, batches: Iterator[Batch], count: int
) -> TrainState:
    """The state with batch statistics of the EMA weights, measured over `count` batches."""
    players = [p for p, own in now.variables.collections.items() if COUNTED in own]
    if not (count and now.ema and players):
        return now
    variables = now.ema_variables()
    sums: dict[str, Tree] = {}
    for number in range(count):
        batch = next(batches)
        for turn in objective.turns:
            if turn.player in players:
                rng = jax.random.fold_in(jax.random.key(number), 0)
                own = _moved(turn, variables, batch, rng, now.step)
                sums[turn.player] = _add(sums.get(turn.player), own)
    means = {p: jax.tree.map(lambda x: x / count, total) for p, total in sums.items()}
    return now.replace(ema_collections={p: {COUNTED: own} for p, own in means.items()})


def _add(total: Tree | None, own: Tree) -> Tree:
    return own if total is None else jax.tree.map(jnp.add, total, own)


def _moved(turn: Turn, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array) -> Tree:
    """The batch statistics of one batch, without the running average.

    A running statistic moves from s to m s + (1 - m) x. Started from 0 and from 1 it tells m and x,
    whatever momentum a layer has.
    """
    ends = []
    for start in (jnp.zeros_like, jnp.ones_like):
        own = variables.collections[turn.player]
        begun = {**own, COUNTED: jax.tree.map(start, own[COUNTED])}
        seen = variables.replace(collections={**variables.collections, turn.player: begun})
        ends.append(_collections(turn, seen, batch, rng, step)[COUNTED])
    from_zero, from_one = ends
    return jax.tree.map(lambda a, b: a / (1.0 - (b - a)), from_zero, from_one)


def _collections(turn: Turn, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array):
    run = jax.jit(lambda v, b, r, s: turn.loss(v, b, r, s)[1][0][turn.player])
    return run(variables, batch, rng, step)
