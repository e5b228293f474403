"""A learning rate of its own for part of a player's parameters."""

from __future__ import annotations

from typing import Any

import jax
import optax


def faster(
    optimizer: optax.GradientTransformation, fragment: str, factor: float
) -> optax.GradientTransformation:
    """The optimiser, with `factor` times its rate where a parameter's path holds `fragment`.

    The path of params['sinc']['low'] reads 'sinc/low'.
    """

    def groups(params: Any) -> Any:
        def group(path: Any, _: Any) -> str:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            return "faster" if fragment in name else "rest"

        return jax.tree_util.tree_map_with_path(group, params)

    rates = {"faster": optax.scale(factor), "rest": optax.identity()}
    return optax.chain(optimizer, optax.multi_transform(rates, groups))
