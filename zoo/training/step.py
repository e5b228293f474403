"""One turn as a compiled step: gradient, optimiser, collections, EMA, non-finite guard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from zoo.objectives.base import Batch, Metrics, Tree, Turn, Variables
from zoo.training.state import TrainState

AUGMENT = 2**31 - 1  # what is folded into the random key of a turn for its augmentations


def make_step(
    turn: Turn,
    optimizer: optax.GradientTransformation,
    *,
    seed: int | jax.Array,
    last: bool,
    ema_decay: float = 0.0,
    accumulate: int = 1,
    remat: bool = False,
    augment: Callable[[jax.Array, Batch], Batch] | None = None,
) -> Callable[[TrainState, Batch, jax.Array], tuple[TrainState, Metrics]]:
    """(state, batch, number of the turn in its round) -> (state, metrics); `last` ends the round.

    A non-finite loss, gradient or collection leaves parameters, optimiser, collections and EMA
    bit for bit as they were; only the counters move. augment(rng, batch) is done to the batch of
    the host first, with random numbers of its own.
    """

    def step(state: TrainState, batch: Batch, number: jax.Array) -> tuple[TrainState, Metrics]:
        rng = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), state.step), number)
        if augment is not None:
            batch = augment(jax.random.fold_in(rng, AUGMENT), batch)
        value, collections, metrics, gradient = _gradients(
            turn, state.variables, batch, rng, state.step, accumulate, remat
        )
        norm = root_of_sum([jnp.sum(jnp.square(g)) for g in jax.tree.leaves(gradient)])
        good = jnp.isfinite(value) & jnp.isfinite(norm) & all_finite(collections)
        player = turn.player
        params, memory = state.variables.params[player], state.optimizers[player]
        updates, memory = optimizer.update(gradient, memory, params)
        updates = jax.tree.map(lambda u: u * state.learning_rate_scale.astype(u.dtype), updates)
        params = optax.apply_updates(params, updates)
        ema = state.ema
        if ema_decay:
            ema = {**ema, player: update_ema(ema[player], params, ema_decay, state.step)}
        variables = state.variables.replace(
            params={**state.variables.params, player: params},
            collections={**state.variables.collections, **collections},
        )
        new = state.replace(
            variables=variables, optimizers={**state.optimizers, player: memory}, ema=ema
        )
        new = jax.tree.map(lambda n, o: jnp.where(good, n, o), new, state)
        bad = (~good).astype(jnp.int32)
        new = new.replace(
            step=state.step + int(last),
            rejected=state.rejected + bad,
            streak=jnp.where(good, 0, state.streak + 1),
        )
        guard = {"streak": new.streak, "rejected": new.rejected}
        return new, {"loss": value, "gradient_norm": norm, **guard, **metrics}

    return step


def _gradients(
    turn: Turn,
    variables: Variables,
    batch: Batch,
    rng: jax.Array,
    step: jax.Array,
    parts: int,
    remat: bool = False,
) -> tuple[jax.Array, Tree, Metrics, Tree]:
    """(loss, new collections, metrics, gradient): means over `parts` micro-batches in sequence.

    remat: keep only what convolutions and products gave, and compute the rest again on the way
    back.
    """

    def loss(params: Tree, collections: Tree, piece: Batch, key: jax.Array):
        seen = variables.replace(
            params={**variables.params, turn.player: params},
            collections={**variables.collections, **collections},
        )
        return turn.loss(seen, piece, key, step)

    if remat:
        loss = jax.checkpoint(loss, policy=_costly)
    differentiate = jax.value_and_grad(loss, has_aux=True)
    params = variables.params[turn.player]
    if parts == 1:
        (value, (collections, metrics)), gradient = differentiate(params, {}, batch, rng)
        return value, collections, metrics, gradient
    # Every device keeps its own rows: row r of piece p is example r * parts + p.
    pieces = jax.tree.map(lambda x: x.reshape(-1, parts, *x.shape[1:]).swapaxes(0, 1), batch)
    keys = jax.random.split(rng, parts)

    def one(collections: Tree, piece: tuple[Batch, jax.Array]):
        (value, (changed, metrics)), gradient = differentiate(params, collections, *piece)
        return {**collections, **changed}, (value, metrics, gradient)

    changing = jax.eval_shape(
        lambda: differentiate(params, {}, jax.tree.map(lambda x: x[0], pieces), keys[0])
    )[0][1][0]
    start = {player: variables.collections[player] for player in changing}
    collections, results = jax.lax.scan(one, start, (pieces, keys))
    value, metrics, gradient = jax.tree.map(lambda x: jnp.mean(x, axis=0), results)
    return value, collections, metrics, gradient


def _costly(primitive: Any, *_: Any, **__: Any) -> bool:
    """Whether a primitive's result is kept for the backward pass under `remat`."""
    return primitive.name in ("conv_general_dilated", "dot_general")


def update_ema(ema: Tree, params: Tree, decay: float, step: jax.Array) -> Tree:
    """The exponential moving average of weights, with a lower decay in the first steps.

    The decay rises as (1 + step) / (10 + step) up to `decay`, TensorFlow's rule.
    """
    now = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda e, p: now * e + (1.0 - now) * p, ema, params)


def all_finite(tree: Tree) -> jax.Array:
    """Whether no number of a tree is infinite or not a number."""
    leaves = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.inexact)]
    return root_of_sum([jnp.sum(~jnp.isfinite(x), dtype=jnp.float32) for x in leaves]) == 0


def root_of_sum(scalars: list[jax.Array]) -> jax.Array:
    """sqrt(sum of x), x >= 0, by a product: XLA would fuse additions into all that depends on it.

    Every leaf of the state does: Spleeter's step held two such sums 300 times each, which took
    longer to compile than all of its convolutions.
    """
    if not scalars:
        return jnp.zeros(())
    roots = jnp.sqrt(jnp.stack(scalars))
    return jnp.sqrt(jnp.dot(roots, roots, precision=jax.lax.Precision.HIGHEST))
