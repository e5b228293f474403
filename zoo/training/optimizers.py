"""The optimisers and schedules of the papers, by their few parameters."""

from __future__ import annotations

from typing import Any

import jax
import optax


def clipped(
    optimizer: optax.GradientTransformation, norm: float | None
) -> optax.GradientTransformation:
    """The optimiser behind a clip of the gradient's global norm; None leaves it alone."""
    return optax.chain(optax.clip_by_global_norm(norm), optimizer) if norm else optimizer


def adam(
    rate: optax.ScalarOrSchedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    decay: float = 0.0,
    clip: float | None = None,
) -> optax.GradientTransformation:
    """Adam, or AdamW where `decay` is not zero."""
    if decay:
        return clipped(optax.adamw(rate, b1=b1, b2=b2, eps=eps, weight_decay=decay), clip)
    return clipped(optax.adam(rate, b1=b1, b2=b2, eps=eps), clip)


def nesterov(
    rate: optax.ScalarOrSchedule, *, momentum: float = 0.9, clip: float | None = None
) -> optax.GradientTransformation:
    """Stochastic gradient descent with Nesterov's momentum."""
    return clipped(optax.sgd(rate, momentum=momentum, nesterov=True), clip)


def kernel_penalty(decay: float) -> optax.GradientTransformation:
    """What decay / 2 |kernel|^2 in the loss adds to the gradient, for the front of a chain."""
    return optax.add_decayed_weights(decay, mask=_kernels)


def _kernels(params: optax.Params) -> optax.Params:
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


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


def inverse_time(rate: float, decay: float) -> optax.Schedule:
    """rate / (1 + decay * step), the `decay` of Keras 1 optimisers."""
    return lambda step: rate / (1.0 + decay * step)


def warmup_cosine(rate: float, steps: int, warmup: int = 0) -> optax.Schedule:
    """Linear from zero over `warmup` steps, then half a cosine down to zero at `steps`."""
    warmup = min(warmup, max(steps - 1, 0))
    return optax.warmup_cosine_decay_schedule(0.0 if warmup else rate, rate, warmup, steps)


def halving(rate: float, every: int) -> optax.Schedule:
    """rate, halved every `every` steps (public WaveNet recipes)."""
    return optax.exponential_decay(rate, every, 0.5, staircase=True)
