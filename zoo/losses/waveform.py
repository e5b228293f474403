"""Losses of samples, (prediction, target) [B T C] or [B T S C] -> loss per example [B].

Everything but the batch is averaged, unless a name says that it is summed; objectives take the mean
over the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


def per_example(x: jax.Array) -> jax.Array:
    """Mean of all but the first axis, [B ...] -> [B]."""
    return x.mean(axis=tuple(range(1, x.ndim)))


def l1(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Mean absolute difference, [B ...], [B ...] -> [B]."""
    return per_example(jnp.abs(prediction - target))


def l2(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Mean squared difference, [B ...], [B ...] -> [B]."""
    return per_example(jnp.square(prediction - target))


def sum_of_squares(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Squared difference, summed and not averaged, [B ...], [B ...] -> [B]."""
    return jnp.square(prediction - target).sum(axis=tuple(range(1, prediction.ndim)))


def error_to_signal(
    prediction: jax.Array, target: jax.Array, *, emphasis: float = 0.0, floor: float = 1e-5
) -> jax.Array:
    """Squared error over the target's energy (ESR), [B T C] twice -> [B]: 1 is that of silence.

    emphasis: of a first-order filter 1 - emphasis z^-1 over both, 0 for none (Wright et al. 2020:
    0.95). floor: added to the mean energy, so that a silent target keeps a finite loss.
    """
    prediction, target = (emphasised(x, emphasis) for x in (prediction, target))
    energy = per_example(jnp.square(target)) + floor
    return per_example(jnp.square(prediction - target)) / energy


def offset(prediction: jax.Array, target: jax.Array, *, floor: float = 1e-5) -> jax.Array:
    """Squared difference of means over the target's energy, [B T C] twice -> [B]."""
    apart = per_example(prediction - target)
    return jnp.square(apart) / (per_example(jnp.square(target)) + floor)


def emphasised(x: jax.Array, coefficient: float) -> jax.Array:
    """x[t] - coefficient x[t - 1], [B T C] -> [B T-1 C]; as it is where the coefficient is 0."""
    return x[:, 1:] - coefficient * x[:, :-1] if coefficient else x


def negative_si_sdr(prediction: jax.Array, target: jax.Array, *, floor: float = 1e-8) -> jax.Array:
    """Negated scale-invariant signal-to-distortion ratio, [B T ...] twice -> [B] in dB.

    Mean removed, one scale per source and channel, mean of the ratios (Le Roux et al. 2019).
    floor: energy per sample added to both sides of the ratio; a silent or a perfect prediction
    keeps a finite loss and gradient, and 80 dB is about the best that full-scale audio can reach.
    """
    prediction = prediction - prediction.mean(axis=1, keepdims=True)
    target = target - target.mean(axis=1, keepdims=True)
    energy = jnp.square(target).mean(axis=1, keepdims=True)
    scale = (prediction * target).mean(axis=1, keepdims=True) / (energy + floor)
    kept = jnp.square(scale * target).mean(axis=1)
    lost = jnp.square(prediction - scale * target).mean(axis=1)
    ratio = jnp.log(kept + floor) - jnp.log(lost + floor)
    return per_example(np.float32(-10 / np.log(10)) * ratio)


def per_source(
    loss: Callable[[jax.Array, jax.Array], jax.Array], prediction: jax.Array, target: jax.Array
) -> jax.Array:
    """A loss of [B T C] applied to each source alone, [B T S C] twice -> [B S].

    For weights and for logging: `per_source(l1, ...) @ weights`, with weights [S].
    """
    return jax.vmap(loss, in_axes=2, out_axes=1)(prediction, target)


def source_sum(
    loss: Callable[[jax.Array, jax.Array], jax.Array],
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """The sum over sources of a loss that averages them, ([B ... S C] twice) -> [B]."""
    return lambda prediction, target: loss(prediction, target) * prediction.shape[-2]


def dissimilar_l1(weight: float) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """L1 of the first source less `weight` times its L1 to the others, ([B T S C] twice) -> [B].

    It keeps the estimate away from what it is not (Lluís et al. 2019, weight 0.05). The other
    outputs are not compared: they are what the first leaves of the mixture.
    """

    def loss(prediction: jax.Array, target: jax.Array) -> jax.Array:
        distances = jnp.abs(prediction[:, :, :1] - target).mean((1, 3))  # [B S]
        return distances[:, 0] - weight * distances[:, 1:].sum(1)

    return loss


def dissimilar_squares(
    alpha: float, beta: float, first: float
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Squares to a source's own target less those to others, ([B ... S C] twice) -> [B]; sums.

    The last source is what is left, of no error of its own. The others add their squared error,
    less `alpha` times that to one another's targets, less `beta` times (of the first source `first`
    times) that to the last one's; of all that the absolute value (Chandna et al. 2017: 0.001, 0.01,
    0.03, the first being the voice).
    """

    def loss(prediction: jax.Array, target: jax.Array) -> jax.Array:
        apart = prediction[..., :-1, None, :] - target[..., None, :, :]
        rest = (*range(1, apart.ndim - 3), apart.ndim - 1)
        squares = jnp.square(apart).sum(rest)  # [B S-1 S]
        count = squares.shape[1]
        to_last = jnp.full(count, beta).at[0].set(first)
        among = (1 + alpha) * jnp.eye(count) - alpha
        weights = jnp.concatenate([among, -to_last[:, None]], 1)
        return jnp.abs((squares * weights).sum((1, 2)))

    return loss
