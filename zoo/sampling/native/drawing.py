"""What draw.h takes of a distribution and of the sampler's rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.distributions import Categorical, Distribution, Gaussian, MixtureOfLogistics, Tokens
from zoo.sampling.rule import SamplerRule


def _uniform(noise: jax.Array) -> jax.Array:
    """[... n] as it is."""
    return noise


def _logistic(noise: jax.Array) -> jax.Array:
    """Uniform [... 2] -> the same, and a number of the standard logistic distribution."""
    chosen, u = noise[..., :1], noise[..., 1:]
    return jnp.concatenate([chosen, jnp.log(u) - jnp.log1p(-u)], -1)


@dataclass(frozen=True)
class _Kind:
    """A distribution's number in draw.h, and the noise [... n] that it takes of a uniform one."""

    number: int
    noise: Callable[[jax.Array], jax.Array]


DISTRIBUTION_KINDS = {
    Categorical: _Kind(0, _uniform),
    Tokens: _Kind(0, _uniform),
    MixtureOfLogistics: _Kind(1, _logistic),
    Gaussian: _Kind(2, jax.scipy.special.ndtri),
}


def temperature_and_bias(
    rule: SamplerRule, temperature: jax.Array, symbols: int
) -> tuple[jax.Array, jax.Array]:
    """The temperature [], 0 for the mode; what is added to each logit [Q], or nothing [0]."""
    own = jnp.asarray(temperature, jnp.float32) * (rule.temperature > 0)
    if not rule.bias:
        return own, jnp.zeros(0)
    which, values = zip(*rule.bias)
    return own, jnp.zeros(symbols).at[jnp.array(which)].add(jnp.array(values, jnp.float32))


def limits(rule: SamplerRule, distribution: Distribution) -> dict[str, Any]:
    """Attributes of the foreign function that every loop takes."""
    return {
        "outputs": np.int32(distribution.parameters),
        "top_k": np.int32(min(rule.top_k, 2**31 - 1)),
        "top_p": np.float32(rule.top_p),
    }


def density(distribution: Distribution) -> dict[str, Any]:
    """Attributes of loops that draw more than symbols."""
    return {
        "kind": np.int32(DISTRIBUTION_KINDS[type(distribution)].number),
        "least": np.float32(getattr(distribution, "log_scale_min", 0.0)),
        "half": np.float32(2.0 ** (getattr(distribution, "bits", 1) - 1)),
    }


def values_of(distribution: Distribution) -> jax.Array:
    """The amplitude of each symbol [Q]; of densities nothing [0]."""
    if not distribution.symbols:
        return jnp.zeros(0)
    return distribution.decode(jnp.arange(distribution.symbols)[:, None])[:, 0]
