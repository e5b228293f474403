"""What objectives with a single network share: its initialisation, and its pass in training."""

from __future__ import annotations

from typing import Any

import jax

from zoo.network import Network
from zoo.objectives.base import Tree, Variables

PLAYER = "model"


def init_player(
    model: Network, rng: jax.Array, *args: Any, player: str = PLAYER, **given: Any
) -> Variables:
    """Variables of one player from a first batch's inputs; sown intermediates are left out."""
    collections = dict(model.init({"params": rng, "dropout": rng}, *args, **given))
    params = collections.pop("params")
    collections.pop("intermediates", None)
    return Variables({player: params}, {player: collections} if collections else {})


def apply_in_training(
    model: Network,
    variables: Variables,
    rngs: dict[str, jax.Array],
    *args: Any,
    player: str = PLAYER,
    **given: Any,
) -> tuple[Any, Tree]:
    """(the output in training, the player's changed collections as a Turn's loss returns them)."""
    output, collections = model.apply(
        variables.of(player),
        *args,
        train=True,
        rngs=rngs,
        mutable=list(variables.collections.get(player, {})),
        **given,
    )
    return output, {player: dict(collections)} if collections else {}
