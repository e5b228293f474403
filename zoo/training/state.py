"""The training state that is carried from step to step, and its sharded initialisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from zoo import mesh as meshes
from zoo.objectives.base import Batch, Objective, Tree, Variables


class TrainState(flax.struct.PyTreeNode):
    """step: rounds of turns done. ema: exponential moving average of params, per player, or empty.

    ema_collections: batch statistics of the averaged weights, or empty (zoo/training/standing.py).
    rejected, streak: non-finite turns in all and in a row. learning_rate_scale: factor on every
    update, lowered by a plateau schedule.
    """

    step: jax.Array
    variables: Variables
    optimizers: dict[str, Tree]
    ema: dict[str, Tree]
    ema_collections: dict[str, Tree]
    rejected: jax.Array
    streak: jax.Array
    learning_rate_scale: jax.Array

    def ema_variables(self) -> Variables:
        """The variables that evaluation and sampling use."""
        own = self.variables.collections
        collections = {p: {**own[p], **moved} for p, moved in self.ema_collections.items()}
        return self.variables.replace(
            params={**self.variables.params, **self.ema}, collections={**own, **collections}
        )


Optimizers = dict[str, optax.GradientTransformation]
# Compiles three times as fast as the default generator, which is unrolled per parameter.
GENERATOR = "rbg"


def initial_state(
    objective: Objective,
    optimizers: Optimizers,
    ema_decay: float,
    seed: int | jax.Array,
    batch: Batch,
    standing: bool = False,
    learning_rate_scale: float = 1.0,
) -> TrainState:
    """The initial state. Pure, so that `eval_shape` and `jit` with output shardings both work.

    standing: the averaged weights get batch statistics of their own.
    """
    variables = objective.init(jax.random.key(seed, impl=GENERATOR), batch)
    zero = jnp.zeros((), jnp.int32)
    return TrainState(
        step=zero,
        variables=variables,
        # A player without an optimiser is fitted, not trained.
        optimizers={p: optimizer.init(variables.params[p]) for p, optimizer in optimizers.items()},
        # A copy: the state is donated, and no buffer may be donated twice.
        ema=jax.tree.map(jnp.copy, variables.params) if ema_decay else {},
        ema_collections=_statistics(variables) if ema_decay and standing else {},
        rejected=zero,
        streak=zero,
        learning_rate_scale=jnp.full((), learning_rate_scale, jnp.float32),
    )


def _statistics(variables: Variables) -> dict[str, Tree]:
    """A copy of every player's batch statistics."""
    counted = {
        p: own["batch_stats"] for p, own in variables.collections.items() if "batch_stats" in own
    }
    return {p: {"batch_stats": jax.tree.map(jnp.copy, own)} for p, own in counted.items()}


def init_sharded(mesh: Mesh, build: Any, batch: Batch) -> tuple[TrainState, TrainState]:
    """(state, shardings): the initial state, computed on the devices that hold it."""
    shardings = meshes.state_shardings(mesh, jax.eval_shape(build, batch))
    return jax.jit(build, out_shardings=shardings)(batch), shardings


def abstract(mesh: Mesh, build: Any, batch: Mapping[str, Any]) -> TrainState:
    """Shapes, types and shardings of the state, with no array made: what `restore` fills."""
    shapes = jax.eval_shape(build, batch)
    return jax.tree.map(
        lambda s, sharding: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=sharding),
        shapes,
        meshes.state_shardings(mesh, shapes),
    )
