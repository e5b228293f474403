"""Multiplicative updates of non-negative matrix factors under three divergences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

_EPSILON = float(np.finfo(np.float32).eps)
_ZERO = float(np.finfo(np.float64).eps)  # below it factors are zero, so that they stay so
BETAS = {"euclid": 2.0, "kullback_leibler": 1.0, "itakura_saito": 0.0}


def divergence(v: jax.Array, model: jax.Array, beta: float) -> jax.Array:
    """Beta divergence of spectrograms, [B F N] twice -> [B]; half the squared distance at 2."""
    if beta == 2:
        return 0.5 * jnp.square(v - model).sum((1, 2))
    v, model = jnp.maximum(v, _EPSILON), jnp.maximum(model, _EPSILON)
    if beta == 1:
        return (v * jnp.log(v / model) - v + model).sum((1, 2))
    return (v / model - jnp.log(v / model) - 1).sum((1, 2))


def random_factors(rng: jax.Array, v: jax.Array, rank: int) -> tuple[jax.Array, jax.Array]:
    """Random factors of the right size for [B F N] -> gains [B F K], spectra [B K N]."""
    batch, frames, bins = v.shape
    scale = jnp.sqrt(v.mean((1, 2)) / rank)[:, None, None]
    one, two = jax.random.split(rng)
    gains = jnp.abs(jax.random.normal(one, (batch, frames, rank)))
    return scale * gains, scale * jnp.abs(jax.random.normal(two, (batch, rank, bins)))


def factorise(
    v: jax.Array, gains: jax.Array, spectra: jax.Array, *, beta: float, iterations: int
) -> tuple[jax.Array, jax.Array]:
    """Multiplicative updates of v [B F N] ~ gains [B F K] spectra [B K N] -> both, after the last.

    beta: 2, 1 or 0. Gains first, then spectra, as in scikit-learn's solver 'mu' (whose samples are
    our frames).
    """

    def update(_: int, factors: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        gains, spectra = factors
        gains = gains * _step(v, gains @ spectra, spectra, beta)
        gains = jnp.where(gains < _ZERO, 0, gains) if beta < 1 else gains
        # The spectra's update is the gains' of the transposed problem.
        turned = _step(_turn(v), _turn(gains @ spectra), _turn(gains), beta)
        spectra = spectra * _turn(turned)
        return gains, jnp.where(spectra < _ZERO, 0, spectra) if beta <= 1 else spectra

    return jax.lax.fori_loop(0, iterations, update, (gains, spectra))


def _step(v: jax.Array, model: jax.Array, spectra: jax.Array, beta: float) -> jax.Array:
    """The factor of each gain, [B F K]."""
    turned = _turn(spectra)
    if beta == 2:
        return (v @ turned) / _positive(model @ turned)
    model = jnp.maximum(model, _EPSILON)
    if beta == 1:
        return ((v / model) @ turned) / _positive(spectra.sum(2)[:, None])
    ratio = ((v / jnp.square(model)) @ turned) / _positive((1 / model) @ turned)
    return jnp.sqrt(ratio)


def _turn(x: jax.Array) -> jax.Array:
    return x.swapaxes(1, 2)


def _positive(x: jax.Array) -> jax.Array:
    return jnp.where(x == 0, _EPSILON, x)
