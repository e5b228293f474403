"""Generalised Gaussian densities: from peaked (q < 2) over normal (2) to flat, by one exponent.

p(s) = w / d exp(-c |s / d|^q) of deviation d; w and c keep its area at one and its deviation at d.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

_TINY = 1e-6
SHAPES = (0.5, 4.0)  # exponents that are distinguished: below and above these densities look alike


def rate(q: jax.Array) -> jax.Array:
    """c of the exponent, [...] -> [...]."""
    return jnp.exp(0.5 * q * (gammaln(3 / q) - gammaln(1 / q)))


def log_density(s: jax.Array, q: jax.Array, deviation: jax.Array | float) -> jax.Array:
    """Log-density of values [...] with exponents and deviations that broadcast, in nats, [...]."""
    height = 0.5 * gammaln(3 / q) - 1.5 * gammaln(1 / q) + jnp.log(q / 2)
    return height - jnp.log(deviation) - rate(q) * jnp.abs(s / deviation) ** q


def score_function(s: jax.Array, q: jax.Array, *, rounded: float = 0.0) -> jax.Array:
    """-d/ds log p of values of deviation 1, [...] -> [...].

    rounded: |s| becomes sqrt(s^2 + rounded^2), so that it is finite at 0 where q is below one.
    """
    squares = jnp.square(s) + max(rounded, _TINY) ** 2
    return q * rate(q) * s * squares ** (q / 2 - 1)


def steepest(q: jax.Array, rounded: float) -> jax.Array:
    """The largest slope of `score_function`, at 0 of exponents of at most 2, [...] -> [...]."""
    return q * rate(q) * rounded ** (q - 2)


def shape(s: jax.Array) -> jax.Array:
    """Exponents of columns [N K] -> [K], from the ratio of mean magnitude and deviation.

    As Mallat (1989) estimates them for wavelet coefficients; within SHAPES.
    """
    squares = jnp.maximum(jnp.square(s).mean(0), 1e-20)
    ratio = jnp.square(jnp.abs(s).mean(0)) / squares
    q = jnp.asarray(np.linspace(*SHAPES, 512), jnp.float32)
    ratios = jnp.exp(2 * gammaln(2 / q) - gammaln(1 / q) - gammaln(3 / q))
    return jnp.interp(ratio, ratios, q)
