"""Divergences of distributions in closed form, elementwise, in nats."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def gaussian_kl(
    mean: jax.Array, log_scale: jax.Array, other_mean: jax.Array, other_log_scale: jax.Array
) -> jax.Array:
    """KL(N(mean, scale^2) || N(other_mean, other_scale^2)), [B T C] four times -> [B T C].

    Log scales are natural logarithms of standard deviations. It vanishes where the two agree.
    """
    gap = log_scale - other_log_scale
    distance = (mean - other_mean) * jnp.exp(-other_log_scale)
    return 0.5 * jnp.expm1(2 * gap) - gap + 0.5 * jnp.square(distance)


def floored_gaussian_kl(
    mean: jax.Array,
    log_scale: jax.Array,
    other_mean: jax.Array,
    other_log_scale: jax.Array,
    *,
    floor: float = -7.0,
) -> tuple[jax.Array, jax.Array]:
    """(KL of floored log scales, squared gap of the bare ones); [B T C] -> [B T C] twice.

    ClariNet (Ping et al. 2019), equation 5: where a teacher is very sure its KL is so steep that
    the student diverges; the floor bounds it, the second term pulls the scales together. That term
    has no floor, as in ksw0306/ClariNet: below the floor nothing else moves the student's scale.
    """
    gap = jnp.square(log_scale - other_log_scale)
    log_scale, other_log_scale = (jnp.maximum(x, floor) for x in (log_scale, other_log_scale))
    return gaussian_kl(mean, log_scale, other_mean, other_log_scale), gap
