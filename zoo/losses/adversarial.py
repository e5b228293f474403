"""Losses of discriminators and generators, scores [B ...] -> loss per example [B].

Scores of any shape behind the batch are averaged; sum over a multi-scale discriminator's scales
outside. Objectives take the mean over the batch. `real` and `fake` are scores, not audio, unless
named so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp

from zoo.losses.waveform import l1, per_example
from zoo.signal.precision import HIGHEST


def wgan_discriminator(fake: jax.Array, real: jax.Array) -> jax.Array:
    """Wasserstein discriminator, scores [B ...] twice -> [B]: fake minus real. Arjovsky 2017."""
    return per_example(fake) - per_example(real)


def wgan_generator(fake: jax.Array) -> jax.Array:
    """Wasserstein generator, scores [B ...] -> [B]; the hinge generator is the same."""
    return -per_example(fake)


def hinge_discriminator(fake: jax.Array, real: jax.Array) -> jax.Array:
    """Hinge discriminator, scores [B ...] twice -> [B]: zero beyond -1 and 1. MelGAN."""
    return per_example(jax.nn.relu(1 + fake)) + per_example(jax.nn.relu(1 - real))


def hinge_generator(fake: jax.Array) -> jax.Array:
    """Hinge generator, scores [B ...] -> [B]. MelGAN, GAN-TTS."""
    return -per_example(fake)


def least_squares_discriminator(fake: jax.Array, real: jax.Array) -> jax.Array:
    """Least-squares discriminator, scores [B ...] twice -> [B]: fake to 0, real to 1. HiFi-GAN."""
    return per_example(jnp.square(fake)) + per_example(jnp.square(real - 1))


def least_squares_generator(fake: jax.Array) -> jax.Array:
    """Least-squares generator, scores [B ...] -> [B]: fake to 1. HiFi-GAN."""
    return per_example(jnp.square(fake - 1))


def feature_matching(prediction: Any, target: Any) -> jax.Array:
    """L1 of a discriminator's features, two equal trees of [B ...] -> [B], summed over leaves.

    prediction: features of generated audio; target: of real audio. Each leaf counts by its mean.
    Weights: HiFi-GAN 2; MelGAN 10 * (4 / 5) / 3, for three scales of four strided layers.
    """
    # A discriminator that computes in bfloat16 has such features: their difference is taken in
    # float32.
    prediction, target = jax.tree.map(lambda x: x.astype(jnp.float32), (prediction, target))
    return reduce(jnp.add, jax.tree.leaves(jax.tree.map(l1, prediction, target)))


def interpolate_pairs(key: jax.Array, real: jax.Array, fake: jax.Array) -> jax.Array:
    """A point on the line from each real to each fake example, [B ...] twice -> [B ...]."""
    share = jax.random.uniform(key, (real.shape[0],) + (1,) * (real.ndim - 1))
    return real + share * (fake - real)


def gradient_norm(discriminator: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """Norm of the discriminator's gradient at x, inputs [B ...] -> [B].

    discriminator: pure function of inputs [B ...] to scores [B ...], each example's score a
    function of that example alone (no batch norm), random keys fixed inside.
    """
    gradient = jax.grad(lambda inputs: discriminator(inputs).sum())(x)
    # The root of zero has no slope: a discriminator that does not answer would give NaN.
    return jnp.sqrt(jnp.square(gradient).sum(axis=tuple(range(1, gradient.ndim))) + 1e-12)


def gradient_penalty(
    discriminator: Callable[[jax.Array], jax.Array], x: jax.Array, target: float = 1.0
) -> tuple[jax.Array, jax.Array]:
    """((slope - target)^2, `slope`) of the discriminator at x, inputs [B ...] -> [B] twice.

    Gulrajani et al. 2017; x: usually `interpolate_pairs(...)`.
    """
    found = gradient_norm(discriminator, x)
    return jnp.square(found - target), found


def off_diagonal(params: Any) -> jax.Array:
    """Squares of the products of different filters, summed over all kernels of a tree -> [].

    |W'W - diag|^2 of each kernel as a matrix [inputs filters]: orthogonal regularisation that
    leaves the norms alone, of BigGAN (Brock, Donahue, Simonyan 2019, equation 3) and GAN-TTS.
    """

    def one(kernel: jax.Array) -> jax.Array:
        filters = kernel.reshape(-1, kernel.shape[-1])
        gram = jnp.matmul(filters.T, filters, precision=HIGHEST)
        return jnp.sum(jnp.square(gram * (1 - jnp.eye(len(gram)))))

    kernels = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]
    return reduce(jnp.add, map(one, kernels))
