"""Mixtures of normal densities, of numbers that are no amplitudes: raw [... P], values [... 1]."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from zoo.signal.precision import HIGHEST


@dataclass(frozen=True)
class MixtureOfGaussians:
    """Normal densities of a number that is no amplitude: raw = weights, means, log deviations.

    MelNet (Vasquez and Lewis 2019), of the bins of a spectrogram.
    """

    components: int = 10
    log_scale_min: float = -7.0
    log_scale_max: float = 7.0

    noise = 2
    precision = HIGHEST
    symbols = 0
    clip = False

    @property
    def parameters(self) -> int:
        return 3 * self.components

    def log_prob(self, raw: jax.Array, value: jax.Array) -> jax.Array:
        """Log density of values [... 1] -> [...]."""
        weights, means, log_scales = self._split(raw)
        distance = (value.astype(jnp.float32) - means) * jnp.exp(-log_scales)
        density = -0.5 * distance**2 - log_scales - 0.5 * math.log(2 * math.pi)
        return jax.nn.logsumexp(jax.nn.log_softmax(weights) + density, axis=-1)

    def sample(self, raw: jax.Array, noise: jax.Array, temperature: jax.Array) -> jax.Array:
        """Values [... 1] of uniform noise [... 2]; at temperature 0 the heaviest mean."""
        weights, means, log_scales = self._split(raw)
        shares = jnp.cumsum(jax.nn.softmax(weights / jnp.maximum(temperature, 1e-6)), -1)
        passed = jnp.sum(shares < noise[..., :1] * shares[..., -1:], -1, keepdims=True)
        which = jnp.minimum(passed, self.components - 1)
        mean, log_scale = (jnp.take_along_axis(x, which, -1) for x in (means, log_scales))
        return mean + temperature * jnp.exp(log_scale) * jax.scipy.special.ndtri(noise[..., 1:])

    def _split(self, raw: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        weights, means, log_scales = jnp.split(raw.astype(jnp.float32), 3, axis=-1)
        return weights, means, jnp.clip(log_scales, self.log_scale_min, self.log_scale_max)
