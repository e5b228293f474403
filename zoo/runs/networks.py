"""The inference network of a system: its linen module and its variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flax.linen as nn

from zoo.errors import BadInput
from zoo.objectives.base import Tree, Variables

MEMORY = "memory"  # the collection of states that are carried from one training batch to the next
_FIELDS = ("generator", "student", "model", "features")  # of objectives, the one in use first


@dataclass(frozen=True)
class BoundModule:
    """A linen module and the variables dict that its `apply` takes; player: their name."""

    module: nn.Module
    player: str | None
    variables: Tree


def network(objective: Any, variables: Variables) -> BoundModule:
    """The network that is used after training: of an adversarial pair the generator."""
    found, player = find_network(objective, variables)
    return BoundModule(found, player, variables.of(player) if player else {})


def find_network(objective: Any, variables: Variables) -> tuple[nn.Module, str | None]:
    """(module, its player or frozen part; None where it has no variables)."""
    inner = getattr(objective, "objective", None)  # of a wrapper, as Remix
    if inner is not None:
        return find_network(inner, variables)
    for field in _FIELDS:
        module = getattr(objective, field, None)
        if module is not None:
            parts = {**variables.params, **variables.frozen}
            return module, field if field in parts else next(iter(parts), None)
    raise BadInput(f"{type(objective).__name__} names no network: call it {' or '.join(_FIELDS)}")


def for_inference(objective: Any, variables: Variables) -> Variables:
    """The variables without what only training needs: other players, states carried per example.

    The latter, 'memory', have a row for each example of a training batch, so that no other batch
    could take them.
    """
    params = variables.params
    # Where there are no turns there are no other players: all was fitted, and all is used.
    single = len(params) < 2 or not objective.turns or getattr(objective, "uses_all", False)
    kept = {*params} if single else {find_network(objective, variables)[1]}
    unused = params.keys() - kept
    collections = {
        player: {name: tree for name, tree in own.items() if name != MEMORY}
        for player, own in variables.collections.items()
        if player not in unused
    }
    return variables.replace(
        params={player: params[player] for player in params if player in kept},
        collections={player: own for player, own in collections.items() if own},
    )
