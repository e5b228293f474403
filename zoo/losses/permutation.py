"""Losses of sources that have no names: the assignment of outputs to targets that costs least.

Yu, Kolbæk, Tan and Jensen, ICASSP 2017 ("permutation invariant training").
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import permutations

import jax
import jax.numpy as jnp

from zoo.errors import BadInput

_MOST = 6  # sources: 720 assignments
_Loss = Callable[[jax.Array, jax.Array], jax.Array]


def pairwise(loss: _Loss, prediction: jax.Array, target: jax.Array) -> jax.Array:
    """A loss of [B T C] of every output against every target, [B T S C] twice -> [B S S]."""
    against = jax.vmap(loss, in_axes=(None, 2), out_axes=1)  # one output, all targets
    return jax.vmap(against, in_axes=(2, None), out_axes=1)(prediction, target)


def any_order(loss: _Loss) -> _Loss:
    """The least mean over sources of a loss of [B T C], of all orders: ([B T S C] twice) -> [B]."""
    return partial(_any_order, loss)


def _any_order(loss: _Loss, prediction: jax.Array, target: jax.Array) -> jax.Array:
    count = target.shape[2]
    if count > _MOST:
        raise BadInput(f"{count} sources have too many orders: at most {_MOST}, or name them")
    costs = pairwise(loss, prediction, target)
    orders = jnp.array(list(permutations(range(count))))
    totals = costs[:, jnp.arange(count), orders].mean(-1)  # [B orders]
    return totals.min(-1)
