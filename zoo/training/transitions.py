"""Transitions between training stages: when a stage ends, and the next one's initial state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from zoo import mesh as meshes
from zoo.objectives.base import Tree, Variables
from zoo.training import stages
from zoo.training.stages import Stage, StageState
from zoo.training.state import Optimizers, TrainState


def state_after(
    parts: Sequence[Stage], early_stopping: int | None, at: StageState, step: int
) -> StageState | None:
    """Where the run stands after `step`: the same stage, the next one, or None: it ends."""
    if early_stopping is not None and at.without >= early_stopping:
        return None
    if not parts or not stages.stage_ended(parts[at.stage], at, step):
        return at
    return stages.next_stage(parts, at, step)


def enter(
    parts: Sequence[Stage],
    at: StageState,
    optimizers: Optimizers,
    now: TrainState,
    best: Callable[[], Variables | None],
    mesh: Mesh,
) -> TrainState:
    """The state with which the stage behind `at` begins: weights, optimisers, learning rate.

    optimizers: of the experiment. best() reads the best weights from the disk; the present ones are
    taken where their score is the best so far.
    """
    stage = parts[at.stage + 1]
    variables = now.variables
    if stage.start == "best" and at.without:
        variables = best() or variables
    memory = dict(now.optimizers)
    for player, optimizer in stages.optimizers_at(parts, at.stage + 1, optimizers).items():
        if player in stage.optimizers or not stage.keep_optimizer:
            memory[player] = _fresh(mesh, optimizer, variables.params[player])
    scale = jnp.full_like(now.learning_rate_scale, stage.learning_rate_scale)
    return now.replace(variables=variables, optimizers=memory, learning_rate_scale=scale)


def _fresh(mesh: Mesh, optimizer: optax.GradientTransformation, params: Tree) -> Tree:
    """An optimiser's initial state, sharded as its parameters."""
    shardings = meshes.state_shardings(mesh, jax.eval_shape(optimizer.init, params))
    return jax.jit(optimizer.init, out_shardings=shardings)(params)
