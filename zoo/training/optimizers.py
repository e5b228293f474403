"""Optimisers and learning-rate schedules of the papers, as Optax transformations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from optax import contrib

from zoo.errors import BadInput


def clipped(
    optimizer: optax.GradientTransformation, norm: float | None
) -> optax.GradientTransformation:
    """The optimiser after clipping by global norm; None: no clipping."""
    return optax.chain(optax.clip_by_global_norm(norm), optimizer) if norm else optimizer


def adam(
    learning_rate: optax.ScalarOrSchedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
) -> optax.GradientTransformation:
    """Adam, or AdamW where `weight_decay` is not zero."""
    if weight_decay:
        adamw = optax.adamw(learning_rate, b1=b1, b2=b2, eps=eps, weight_decay=weight_decay)
        return clipped(adamw, clip_norm)
    return clipped(optax.adam(learning_rate, b1=b1, b2=b2, eps=eps), clip_norm)


def nesterov(
    learning_rate: optax.ScalarOrSchedule, *, momentum: float = 0.9, clip_norm: float | None = None
) -> optax.GradientTransformation:
    """Stochastic gradient descent with Nesterov's momentum."""
    return clipped(optax.sgd(learning_rate, momentum=momentum, nesterov=True), clip_norm)


def muon(
    learning_rate: optax.ScalarOrSchedule,
    other: optax.GradientTransformation,
    *,
    spared: Sequence[str] = (),
    clip_norm: float | None = None,
) -> optax.GradientTransformation:
    """Muon (Jordan 2024) for kernels [... C C'] but those whose path holds one of `spared`.

    A kernel's Nesterov momentum of .95, as a matrix to its last axis, gets singular values of about
    one by five Newton-Schulz steps, and is scaled by sqrt(max(1, C' / inputs)). other: for the
    rest.
    """

    def groups(params: Any) -> Any:
        def group(path: Any, _: Any) -> str:
            kept = path[-1].key == "kernel" and not any(part in _name(path) for part in spared)
            return "muon" if kept else "other"

        return jax.tree_util.tree_map_with_path(group, params)

    rate = optax.scale_by_learning_rate(learning_rate)
    turned = _whole(contrib.scale_by_muon(weight_dimension_numbers=_as_matrices))
    own = optax.chain(turned, _shaped(), rate)
    return clipped(optax.multi_transform({"muon": own, "other": other}, groups), clip_norm)


def muon_and_adam(
    learning_rate: float,
    adam_rate: float,
    steps: int,
    *,
    spared: Sequence[str] = (),
    clip_norm: float | None = None,
) -> optax.GradientTransformation:
    """`muon` with Adam for the rest, each rate along `warmup_cosine` over 50 of `steps`."""
    matrices, rest = (warmup_cosine(peak, steps, 50) for peak in (learning_rate, adam_rate))
    return muon(matrices, adam(rest), spared=spared, clip_norm=clip_norm)


def _whole(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """The optimiser with whole float32 products, which GPUs and TPUs else round."""

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        with jax.default_matmul_precision("highest"):
            return optimizer.update(updates, state, params)

    return optax.GradientTransformation(optimizer.init, update)


def _as_matrices(kernels: Any) -> Any:
    """How kernels [... C C'] are matrices: all axes but the last are inputs."""

    def one(kernel: jax.Array) -> contrib.MuonDimensionNumbers:
        return contrib.MuonDimensionNumbers(tuple(range(kernel.ndim - 1)), kernel.ndim - 1)

    return jax.tree.map(one, kernels)


def _shaped() -> optax.GradientTransformation:
    """Updates times sqrt(max(1, outputs / inputs))."""

    def shaped(update: jax.Array) -> jax.Array:
        outputs = update.shape[-1]
        return max(1.0, outputs / (update.size // outputs)) ** 0.5 * update

    return optax.stateless(lambda updates, _: jax.tree.map(shaped, updates))


def l2_regularisation(weight_decay: float) -> optax.GradientTransformation:
    """Adds the gradient of weight_decay / 2 |w|^2 over all parameters: first in a chain.

    torch's `weight_decay` of Adam and SGD. AdamW's, which no moment sees, is `adam(weight_decay=)`.
    """
    return optax.add_decayed_weights(weight_decay)


def kernel_penalty(weight_decay: float) -> optax.GradientTransformation:
    """Adds the gradient of weight_decay / 2 |kernel|^2, L2 in the loss: first in a chain."""
    return optax.add_decayed_weights(weight_decay, mask=_kernels)


def pace(optimizer: optax.GradientTransformation, step: int) -> float:
    """The length of a step from a gradient of one after `step` steps: what is comparable of rates.

    The optimiser's memory is empty and its schedule where it is by then: for Adam and SGD this is
    the learning rate itself.
    """
    params = {"layer": {"kernel": jnp.zeros([1])}}

    def scheduled(state: Any) -> bool:
        return isinstance(state, optax.ScaleByScheduleState)

    def at_step(state: Any) -> Any:
        return state._replace(count=state.count * 0 + step) if scheduled(state) else state

    state = jax.tree.map(at_step, optimizer.init(params), is_leaf=scheduled)
    updates, _ = optimizer.update(jax.tree.map(jnp.ones_like, params), state, params)
    return float(jnp.abs(updates["layer"]["kernel"][0]))


def _kernels(params: optax.Params) -> optax.Params:
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def unit_filters(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """The optimiser with kernels [... C] projected to filters of norm one after each step.

    Keras' UnitNorm over all axes but the last. A plateau's factor shortens the whole step, after
    which norms are one to second order.
    """

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        updates, state = optimizer.update(updates, state, params)

        def scaled(path: Any, update: jax.Array, old: jax.Array) -> jax.Array:
            if path[-1].key != "kernel":
                return update
            new = old + update
            norms = jnp.sqrt(jnp.sum(new**2, axis=tuple(range(new.ndim - 1)), keepdims=True))
            return new / (norms + 1e-7) - old

        return jax.tree_util.tree_map_with_path(scaled, updates, params), state

    return optax.GradientTransformation(optimizer.init, update)


def freeze_parts(
    optimizer: optax.GradientTransformation, fragments: Sequence[str]
) -> optax.GradientTransformation:
    """The optimiser with zero updates for parameters whose path holds one of `parts`.

    They have no moments either, and take no part in a clip of the norm. Raises BadInput where a
    fragment is in no path.
    """
    if not fragments:
        return optimizer

    def groups(params: Any) -> Any:
        paths = jax.tree_util.tree_map_with_path(lambda path, _: _name(path), params)
        for fragment in fragments:
            if not any(fragment in name for name in jax.tree.leaves(paths)):
                parts = ", ".join(sorted({name.split("/")[0] for name in jax.tree.leaves(paths)}))
                raise BadInput(f"freeze={fragment}: no parameter's path holds that, only {parts}")
        frozen = lambda name: any(fragment in name for fragment in fragments)  # noqa: E731
        return jax.tree.map(lambda name: "frozen" if frozen(name) else "trained", paths)

    return optax.multi_transform({"trained": optimizer, "frozen": optax.set_to_zero()}, groups)


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def scale_learning_rate(
    optimizer: optax.GradientTransformation, fragment: str, factor: float
) -> optax.GradientTransformation:
    """The optimiser, with `factor` times its learning rate where a path holds `fragment`.

    The path of params['sinc']['low'] reads 'sinc/low'.
    """

    def groups(params: Any) -> Any:
        def group(path: Any, _: Any) -> str:
            return "scaled" if fragment in _name(path) else "rest"

        return jax.tree_util.tree_map_with_path(group, params)

    rates = {"scaled": optax.scale(factor), "rest": optax.identity()}
    return optax.chain(optimizer, optax.multi_transform(rates, groups))


def inverse_time(learning_rate: float, decay: float) -> optax.Schedule:
    """learning_rate / (1 + decay * step), the `decay` of Keras 1 optimisers."""
    return lambda step: learning_rate / (1.0 + decay * step)


def warmup_cosine(learning_rate: float, steps: int, warmup: int = 0) -> optax.Schedule:
    """Linear from zero over `warmup` steps, then half a cosine down to zero at `steps`."""
    warmup = min(warmup, max(steps - 1, 0))
    start = 0.0 if warmup else learning_rate
    return optax.warmup_cosine_decay_schedule(start, learning_rate, warmup, steps)


def halving(learning_rate: float, every: int) -> optax.Schedule:
    """learning_rate, halved every `every` steps (public WaveNet recipes)."""
    return optax.exponential_decay(learning_rate, every, 0.5, staircase=True)


def noam(width: float, warmup: int = 4000) -> optax.Schedule:
    """width^-.5 times min((s + 1) warmup^-1.5, (s + 1)^-.5) at step s (Vaswani et al. 2017).

    As Tensor2Tensor's legacy schedule has it for Adam with its learning rate of .1.
    """
    return lambda step: width**-0.5 * jnp.minimum((step + 1) * warmup**-1.5, (step + 1.0) ** -0.5)
