"""The network of a system: which module it is, and which of the variables are its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flax.linen as nn

from zoo.errors import BadInput
from zoo.objectives.base import Tree, Variables

FIELDS = ("generator", "student", "model", "features")  # of objectives, the one in use first


@dataclass(frozen=True)
class Network:
    """A linen module and the variables dict that its `apply` takes; player: their name."""

    module: nn.Module
    player: str | None
    variables: Tree


def network(objective: Any, variables: Variables) -> Network:
    """The network that is used after training: of an adversarial pair the generator."""
    found, player = named(objective, variables)
    return Network(found, player, variables.of(player) if player else {})


def named(objective: Any, variables: Variables) -> tuple[nn.Module, str | None]:
    """(module, its player or frozen part; None where it has no variables)."""
    inner = getattr(objective, "objective", None)  # of a wrapper, as Remix
    if inner is not None:
        return named(inner, variables)
    for field in FIELDS:
        module = getattr(objective, field, None)
        if module is not None:
            parts = {**variables.params, **variables.frozen}
            return module, field if field in parts else next(iter(parts), None)
    raise BadInput(f"{type(objective).__name__} names no network: call it {' or '.join(FIELDS)}")


def for_inference(objective: Any, variables: Variables) -> Variables:
    """The variables without the players that only training needs, as discriminators."""
    if len(variables.params) < 2:
        return variables
    kept = named(objective, variables)[1]
    collections = variables.collections
    unused = variables.params.keys() - {kept}
    return variables.replace(
        params={kept: variables.params[kept]},
        collections={k: v for k, v in collections.items() if k not in unused},
    )
