"""Mixtures of densities: of numbers that are no amplitudes, of bands; raw [... P], [... 1]."""

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


@dataclass(frozen=True)
class SoftplusLogistics:
    """Logistic densities of amplitude: raw = weights, means, and scales before a softplus.

    Of WaveGRU (Kleijn et al. 2021), whose numbers are in 1/128 of full scale, as Lyra's decoder
    draws them: quantiles within 1e-5 of 0 and 1, values cut off to 16 bits. floor: of a scale, in
    amplitude, which keeps the density of digital silence finite.
    """

    components: int = 8
    floor: float = 2.0**-16

    noise = 2
    precision = HIGHEST
    symbols = 0
    clip = True

    @property
    def parameters(self) -> int:
        return 3 * self.components

    def inputs(self, audio: jax.Array) -> jax.Array:
        """[... 1] -> [... 1]: the amplitude itself."""
        return audio

    def log_prob(self, raw: jax.Array, audio: jax.Array) -> jax.Array:
        """Log density of amplitudes [... 1] -> [...]."""
        weights, means, scales = self._split(raw)
        z = (audio.astype(jnp.float32) - means) / scales
        density = -z - jnp.log(scales) - 2 * jax.nn.softplus(-z)
        return jax.nn.logsumexp(jax.nn.log_softmax(weights) + density, axis=-1)

    def sample(self, raw: jax.Array, noise: jax.Array, temperature: jax.Array) -> jax.Array:
        """Amplitudes [... 1] of uniform noise [... 2]."""
        weights, means, scales = self._split(raw)
        shares = jnp.cumsum(jax.nn.softmax(weights / jnp.maximum(temperature, 1e-6)), -1)
        passed = jnp.sum(shares < noise[..., :1] * shares[..., -1:], -1, keepdims=True)
        which = jnp.minimum(passed, self.components - 1)
        mean, scale = (jnp.take_along_axis(x, which, -1) for x in (means, scales))
        chance = noise[..., 1:] * (1 - 2e-5) + 1e-5
        return _as_pcm(mean + temperature * scale * jnp.log((1 - chance) / chance))

    def mode(self, raw: jax.Array) -> jax.Array:
        """The mean of the heaviest component, [... 1]."""
        weights, means, _ = self._split(raw)
        which = jnp.argmax(weights, -1, keepdims=True)
        return _as_pcm(jnp.take_along_axis(means, which, -1))

    def mean(self, raw: jax.Array) -> jax.Array:
        weights, means, _ = self._split(raw)
        return jnp.sum(jax.nn.softmax(weights) * means, -1, keepdims=True)

    def _split(self, raw: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        weights, means, scales = jnp.split(raw.astype(jnp.float32), 3, axis=-1)
        return weights, means / 128, jnp.maximum(jax.nn.softplus(scales) / 128, self.floor)


def _as_pcm(x: jax.Array) -> jax.Array:
    """Amplitudes cut off, towards zero, to whole steps of 16 bits."""
    return jnp.clip(jnp.trunc(x * 32768), -32768, 32767) / 32768
