"""Independent component analysis of waveforms: as many microphones as sources, unmixed by a matrix.

Aapo Hyvärinen: "Fast and Robust Fixed-Point Algorithms for Independent Component Analysis", IEEE
Transactions on Neural Networks 1999; the symmetric variant of FastICA.

Deviations and guesses:
- A record has fewer channels than sources, so that this cannot unmix it: it separates recordings
  of as many channels. `BlindSeparation` simulates microphones before the stems of a data set.
- The scale of a component is its part in each microphone; its order, which independence leaves
  open, stays open.
"""

from __future__ import annotations

import math
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

RELATIVE = 1e-6  # directions with less than this share of the largest variance count as silent


def whitening(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Of centred signals [T C]: the matrix [C C] to variance one, and their covariance [C C]."""
    covariance = x.T @ x / x.shape[0]
    variances, directions = jnp.linalg.eigh(covariance)
    loud = variances > RELATIVE * variances[-1]
    scale = jnp.where(loud, jax.lax.rsqrt(jnp.where(loud, variances, 1)), 0)
    return scale[:, None] * directions.T, covariance


def decorrelated(w: jax.Array) -> jax.Array:
    """The nearest orthogonal matrix, (w w')^(-1/2) w, [C C] -> [C C]."""
    values, vectors = jnp.linalg.eigh(w @ w.T)
    return (vectors * jax.lax.rsqrt(jnp.maximum(values, 1e-12))) @ vectors.T @ w


def fast_ica(
    x: jax.Array,
    start: jax.Array,
    *,
    contrast: Literal["logcosh", "cube"] = "logcosh",
    iterations: int = 200,
    tolerance: float = 1e-4,
) -> jax.Array:
    """Unmixing matrix of centred signals [T C] from `start` [C C] -> [C C].

    Its rows give signals of variance one. Ends when no row turns by more than the tolerance, or
    after so many iterations.
    """
    matrix, _ = whitening(x)
    white = x @ matrix.T

    def move(carry: tuple) -> tuple:
        w, _, count = carry
        y = white @ w.T
        if contrast == "logcosh":
            value = jnp.tanh(y)
            slope = 1 - jnp.square(value)
        else:
            value, slope = y**3, 3 * jnp.square(y)
        new = decorrelated(value.T @ white / x.shape[0] - slope.mean(0)[:, None] * w)
        turned = jnp.abs(jnp.abs(jnp.einsum("ij,ij->i", new, w)) - 1).max()
        return new, turned, count + 1

    def going(carry: tuple) -> jax.Array:
        return (carry[1] > tolerance) & (carry[2] < iterations)

    first = (decorrelated(start), jnp.asarray(jnp.inf, x.dtype), 0)
    return jax.lax.while_loop(going, move, first)[0] @ matrix


def images(x: jax.Array, unmixing: jax.Array) -> jax.Array:
    """Each component as each microphone records it, signals [T C] -> [T S C]; they sum to x."""
    centred = x - x.mean(0)
    covariance = centred.T @ centred / x.shape[0]
    # Components are white, so their covariance with the microphones is the mixing matrix.
    return (x @ unmixing.T)[:, :, None] * (covariance @ unmixing.T).T


class ICA(nn.Module):
    """FastICA of a recording of C microphones, [B T C] -> sources as each records them [B T C C].

    There are as many sources as microphones; one that is silent comes out silent.
    """

    contrast: Literal["logcosh", "cube"] = "logcosh"
    iterations: int = 200
    tolerance: float = 1e-4

    receptive_field = math.inf  # it is fitted to the whole input

    @nn.compact
    def __call__(self, mixture: jax.Array) -> jax.Array:
        start = jax.random.normal(self.make_rng("init"), (mixture.shape[2],) * 2)

        def scene(recorded: jax.Array) -> jax.Array:
            unmixing = fast_ica(
                recorded - recorded.mean(0),
                start,
                contrast=self.contrast,
                iterations=self.iterations,
                tolerance=self.tolerance,
            )
            return images(recorded, unmixing)

        # GPUs and TPUs would round the covariances, and quiet sources would be lost.
        with jax.default_matmul_precision("highest"):
            return jax.vmap(scene)(mixture)
