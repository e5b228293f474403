"""One step of SGD by the compiled turn against a loss that is written again with NumPy.

The loss is in float64 and its gradient is taken by central differences, parameter by parameter:
nothing of the objective's own arithmetic is used. Parameters are random, none is zero.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from zoo.objectives.base import Batch, Objective, Variables
from zoo.training import step as steps
from zoo.training.state import TrainState

RATE = 0.5
STEP = 5  # rounds done before; a schedule inside an objective sees it
KEY = jax.random.key(0)

Loss = Callable[[Any], float]  # of one player's parameters in float64


def drawn(objective: Objective, batch: Batch, seed: int = 0, scale: float = 0.5) -> Variables:
    """Variables with random parameters for all players and frozen networks."""
    shapes = jax.eval_shape(objective.init, KEY, batch)
    rng = np.random.default_rng(seed)

    def fill(leaf: Any) -> jax.Array:
        return jnp.asarray(scale * rng.normal(size=leaf.shape), jnp.float32)

    params, frozen = (jax.tree.map(fill, part) for part in (shapes.params, shapes.frozen))
    begun = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes.collections)
    return Variables(params, begun, frozen)


def doubles(tree: Any) -> Any:
    return jax.tree.map(lambda x: np.array(x, np.float64), tree)


def run(
    objective: Objective, variables: Variables, batch: Batch, player: str, step: int = STEP
) -> tuple[Variables, dict[str, float]]:
    """(the variables after the player's turn with SGD, what it measured)."""
    (turn,) = {t.player: t for t in objective.turns if t.player == player}.values()
    optimizer, zero = optax.sgd(RATE), jnp.zeros((), jnp.int32)
    begun = TrainState(
        step=zero + step,
        variables=variables,
        ema={},
        ema_collections={},
        rejected=zero,
        streak=zero,
        optimizers={player: optimizer.init(variables.params[player])},
        learning_rate_scale=jnp.ones(()),
    )
    done, measured = jax.jit(steps.make_step(turn, optimizer, seed=0, last=True))(begun, batch, 0)
    assert int(done.step) == step + 1 and int(done.rejected) == 0
    return done.variables, {name: float(value) for name, value in measured.items()}


def differences(loss: Loss, params: Any, width: float = 1e-5) -> Any:
    """The gradient of `loss` by central differences."""
    params = doubles(params)
    gradient = jax.tree.map(np.zeros_like, params)
    for leaf, slope in zip(jax.tree.leaves(params), jax.tree.leaves(gradient), strict=True):
        for index in np.ndindex(leaf.shape):
            kept = leaf[index]
            ends = []
            for moved in (kept + width, kept - width):
                leaf[index] = moved
                ends.append(loss(params))
            leaf[index] = kept
            slope[index] = (ends[0] - ends[1]) / (2 * width)
    return gradient


def assert_step(
    objective: Objective,
    variables: Variables,
    batch: Batch,
    player: str,
    loss: Loss,
    *,
    step: int = STEP,
    gradient: Any = None,
    rtol: float = 1e-3,
    atol: float = 1e-5,
) -> tuple[Variables, dict[str, float]]:
    """The turn's loss is `loss`, and it moves the player by -RATE times its slope, no one else.

    gradient: of a loss that is no function of NumPy's.
    """
    after, measured = run(objective, variables, batch, player, step)
    own = variables.params[player]
    np.testing.assert_allclose(measured["loss"], loss(doubles(own)), rtol=1e-4, atol=1e-6)
    wanted = differences(loss, own) if gradient is None else gradient
    moved = jax.tree.map(
        lambda a, b: (np.array(b, np.float64) - a) / -RATE, doubles(own), after.params[player]
    )
    paths = jax.tree_util.tree_leaves_with_path(wanted)
    assert any(np.abs(slope).max() > 1e-3 for _, slope in paths)
    for (path, slope), found in zip(paths, jax.tree.leaves(moved), strict=True):
        name = jax.tree_util.keystr(path)
        np.testing.assert_allclose(found, slope, rtol=rtol, atol=atol, err_msg=name)
    for name in set(variables.params) - {player}:
        jax.tree.map(np.testing.assert_array_equal, variables.params[name], after.params[name])
    jax.tree.map(np.testing.assert_array_equal, variables.frozen, after.frozen)
    return after, measured


def fixed(monkeypatch: Any, name: str, values: dict[tuple[int, ...], np.ndarray]) -> None:
    """Lets `jax.random.<name>` draw what is known, by shape, whatever the key."""
    real = getattr(jax.random, name)

    def known(key: jax.Array, shape: tuple[int, ...] = (), *args: Any, **how: Any) -> jax.Array:
        if tuple(shape) in values:
            return jnp.asarray(values[tuple(shape)], jnp.float32)
        return real(key, shape, *args, **how)

    monkeypatch.setattr(jax.random, name, known)
