"""Initial weights as the frameworks of published systems draw them, by the frameworks' names.

Kernels are [... I O]. `torch`, `keras`, `keras_he` and `contrib` take the fan-in of a layer and
give its initialisers as keyword arguments: `nn.Dense(50, **torch(x.shape[-1]))`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.layers.torch_init import fan_uniform

Initializer = Callable[..., jax.Array]
Starts = Callable[[int], dict[str, Initializer]]


def torch(fan: int) -> dict[str, Initializer]:
    """PyTorch's Linear and convolutions: kernel and bias uniform within 1 / sqrt(fan)."""
    return {"kernel_init": fan_uniform(fan), "bias_init": fan_uniform(fan)}


def keras(fan: int) -> dict[str, Initializer]:
    """Keras where nothing is said: Glorot's uniform kernel, zero bias."""
    return {"kernel_init": nn.initializers.glorot_uniform(), "bias_init": nn.initializers.zeros}


def keras_he(fan: int) -> dict[str, Initializer]:
    """Keras 1's he_normal: a normal kernel of deviation sqrt(2 / fan), not truncated; zero bias."""
    start = nn.initializers.normal(float(np.sqrt(2 / fan)))
    return {"kernel_init": start, "bias_init": nn.initializers.zeros}


def contrib(fan: int) -> dict[str, Initializer]:
    """tf.contrib.layers.variance_scaling_initializer(): sqrt(2.6 / fan) times a normal, cut at 2.

    Its deviation is sqrt(2.01 / fan): contrib corrects for the cut by 1.3, not exactly.
    """
    start = nn.initializers.truncated_normal(float(np.sqrt(2.6 / fan)))
    return {"kernel_init": start, "bias_init": nn.initializers.zeros}


def keras_orthogonal(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """Keras 1's orthogonal recurrent kernel [D D], 1.1 times a random rotation."""
    return nn.initializers.orthogonal(1.1)(key, shape, dtype)


def per_gate(start: Initializer, gates: int) -> Initializer:
    """Initialiser of [I n D] = n matrices side by side, each drawn by itself as Keras 1 does."""

    def initialise(key: jax.Array, shape: tuple[int, int], dtype: Any = jnp.float32) -> jax.Array:
        keys = jax.random.split(key, gates)
        parts = [start(k, (shape[0], shape[1] // gates), dtype) for k in keys]
        return jnp.concatenate(parts, -1)

    return initialise
