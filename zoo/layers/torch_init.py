"""PyTorch's default initial weights, which published recipes leave unsaid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def fan_uniform(fan: int) -> Callable[..., jax.Array]:
    """Initialiser (key, shape) -> [...]: uniform within 1 / sqrt(fan), for kernel and bias alike.

    fan: taps times input channels per group; for a transposed convolution torch takes taps times
    *output* channels.
    """
    bound = float(1 / np.sqrt(fan))

    def initialise(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return initialise
