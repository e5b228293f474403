"""Toys trained by the loop, for tests of it."""

import sys
from functools import partial
from pathlib import Path

import jax
import numpy as np
import optax

sys.path.insert(0, str(Path(__file__).parent))
from toys import draws, hooks

from zoo import mesh as meshes
from zoo.training import loop, state
from zoo.training.log import Log
from zoo.training.stages import (
    StageState,
)


def optimizers(objective):
    return {turn.player: optax.adam(0.05) for turn in objective.turns}


def begin(objective, ema_decay=0.9):
    mesh = meshes.make_mesh()
    build = partial(state.initial_state, objective, optimizers(objective), ema_decay, 0)
    batch = meshes.global_batch(mesh, next(draws(0)))
    return mesh, *state.init_sharded(mesh, build, batch)


KNOWN = (
    "poison",
    "saved",
    "scores",
    "stop",
    "monitor",
    "best",
    "recalibrate",
    "evaluated",
)  # options that are the hooks'


def train(tmp_path, objective, steps, begun=None, at=None, **options):
    mesh, fresh, _ = begin(objective)
    known = {k: options.pop(k) for k in KNOWN if k in options}
    options = {"evaluate_every": 100, **options}
    schedule = loop.Schedule(steps, ema_decay=0.9, log_every=1, **options)
    if begun is None:
        begun = fresh
    else:
        begun = jax.device_put(begun, meshes.state_shardings(mesh, begun))
    log = Log(tmp_path, int(begun.step), steps, active=True, board=False)
    try:
        return loop.run_training_loop(
            mesh,
            objective,
            optimizers(objective),
            schedule,
            begun,
            at or StageState(),
            hooks(**known),
            log,
        )
    finally:
        log.close()


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two)))
