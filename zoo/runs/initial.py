"""Transfer of weights into a fresh state: arrays that fit are copied, the others are reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from zoo.checkpoints.checksums import by_path
from zoo.errors import BadInput
from zoo.runs import trained
from zoo.runs.trained import Trained
from zoo.training.state import TrainState

_Tree = Any


def origin(name: str, mesh: Mesh) -> Trained:
    """A run with all of its players, or any other weights that `zoo.load` takes."""
    if (Path(name).expanduser() / "checkpoints").is_dir():
        return trained.load_trained(name, mesh=mesh)
    from zoo.front import finding

    return finding.load_system(name).trained


def begin_from(
    begun: TrainState, part: str, origin: Trained, say: Callable[[str], None]
) -> TrainState:
    """The state with one player's or frozen network's weights and statistics from another run.

    Arrays of one path and shape are taken, as all but the top layer of a tagger of other labels;
    each that stays fresh is said by name. Raises BadInput where nothing fits, and where a frozen
    network, which learns nothing, would not be whole.
    """
    source, variables = origin.variables, begun.variables
    name = part if part in source.params else next(iter(source.params))
    place = "frozen" if part in variables.frozen else "params"
    own = getattr(variables, place)
    if part not in own:
        known = ", ".join([*variables.params, *variables.frozen])
        raise BadInput(f"initial: this experiment has no part '{part}'; it has {known}")
    placed, fresh = _fitting(source.params[name], own[part])
    collections = variables.collections
    if part in collections:
        statistics, left = _fitting(source.collections.get(name, {}), collections[part])
        collections, fresh = {**collections, part: statistics}, fresh + left
    _report(part, origin.name, fresh, len(by_path(own[part])), place == "frozen", say)
    variables = variables.replace(**{place: {**own, part: placed}}).replace(collections=collections)
    ema = begun.ema
    if part in ema:
        ema = {**ema, part: jax.tree.map(jnp.copy, placed)}
    return begun.replace(variables=variables, ema=ema)


def _fitting(new: _Tree, old: _Tree) -> tuple[_Tree, list[str]]:
    """(`old` with copies of the arrays of `new` that have its path and shape, what stays of it).

    On the shardings of `old`: the state is donated, its origin is not.
    """
    given, fresh, leaves = by_path(new), [], []
    for path, leaf in by_path(old).items():
        other = given.get(path)
        if other is not None and other.shape == leaf.shape:
            leaves.append(jax.device_put(np.array(other, leaf.dtype), leaf.sharding))
            continue
        there = "not there" if other is None else f"there {list(other.shape)}"
        fresh.append(f"{path} {list(leaf.shape)} ({there})")
        leaves.append(leaf)
    return jax.tree.unflatten(jax.tree.structure(old), leaves), fresh


def _report(
    part: str, origin: str, fresh: list[str], total: int, whole: bool, say: Callable[[str], None]
) -> None:
    """Says what is fresh; BadInput where too much is."""
    if fresh and whole:
        raise BadInput(
            f"initial: the weights for '{part}' by {origin} do not fit this config's: {fresh[0]}"
        )
    if len(fresh) >= total:
        raise BadInput(
            f"initial: the weights for '{part}' by {origin} do not fit this config's: none has "
            f"the path and shape of any of its own, as {fresh[0]}"
        )
    rest = f"; fresh: {', '.join(fresh)}" if fresh else ", all of them"
    say(f"'{part}' begins with {origin}'s arrays{rest}")
