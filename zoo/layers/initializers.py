"""Initial weights as the frameworks of published systems draw them, by the frameworks' names.

Kernels are [... I O]. A function that takes the fan-in of a layer gives its initialisers as keyword
arguments: `nn.Dense(50, **torch(x.shape[-1]))`. The others are initialisers of one kernel.
`tests/models/test_starts.py` holds every kernel of every paper's row to a figure and its source.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypedDict

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

Initializer = Callable[..., jax.Array]


class LayerInit(TypedDict):
    """Keyword arguments of a layer with a kernel and a bias."""

    kernel_init: Initializer
    bias_init: Initializer


class _RecurrentInit(LayerInit):
    """Keyword arguments of a recurrent layer."""

    recurrent_init: Initializer


Starts = Callable[[int], LayerInit]

GLOROT = nn.initializers.glorot_uniform()  # Keras' and TensorFlow's default
HE = nn.initializers.he_uniform()  # Keras' he_uniform
# The same of a transposed convolution, whose kernel Keras has as [... O I]: taps times outputs.
HE_TRANSPOSED = nn.initializers.variance_scaling(2.0, "fan_in", "uniform", -1, -2)
_LECUN = nn.initializers.lecun_normal()  # truncated at 2; Flax's and Sonnet's default
LECUN_UNIFORM = nn.initializers.lecun_uniform()  # Lasagne's and Keras' of that name
ORTHOGONAL = nn.initializers.orthogonal()
SLIM = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")  # factor 2, FAN_AVG, uniform


def fan_uniform(fan: float) -> Initializer:
    """Initialiser (key, shape) -> [...]: uniform within 1 / sqrt(fan), for kernel and bias alike.

    fan: taps times input channels per group; for a transposed convolution torch takes taps times
    *output* channels.
    """
    bound = float(1 / np.sqrt(fan))

    def initialise(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return initialise


def lecun(fan: int) -> LayerInit:
    """Flax and Sonnet where nothing is said: a normal of sqrt(1 / fan) cut at 2, zero bias."""
    return {"kernel_init": _LECUN, "bias_init": nn.initializers.zeros}


def normal(fan: int) -> LayerInit:
    """r9y9/wavenet_vocoder 0.1: a normal of sqrt(1 / fan), not cut, zero bias."""
    start = nn.initializers.normal(float(np.sqrt(1 / fan)))
    return {"kernel_init": start, "bias_init": nn.initializers.zeros}


def torch(fan: int) -> LayerInit:
    """PyTorch's Linear and convolutions: kernel and bias uniform within 1 / sqrt(fan)."""
    return {"kernel_init": fan_uniform(fan), "bias_init": fan_uniform(fan)}


def torch_recurrent(width: int) -> _RecurrentInit:
    """PyTorch's LSTM and GRU of `width` units: everything uniform within 1 / sqrt(width)."""
    return {"recurrent_init": fan_uniform(width), **torch(width)}


def keras(fan: int) -> LayerInit:
    """Keras where nothing is said: Glorot's uniform kernel, zero bias."""
    return {"kernel_init": GLOROT, "bias_init": nn.initializers.zeros}


def keras_he(fan: int) -> LayerInit:
    """Keras 1's he_normal: a normal kernel of deviation sqrt(2 / fan), not truncated; zero bias."""
    start = nn.initializers.normal(float(np.sqrt(2 / fan)))
    return {"kernel_init": start, "bias_init": nn.initializers.zeros}


def contrib(fan: int) -> LayerInit:
    """tf.contrib.layers.variance_scaling_initializer(): sqrt(2.6 / fan) times a normal, cut at 2.

    Its deviation is sqrt(2.01 / fan): contrib corrects for the cut by 1.3, not exactly.
    """
    start = nn.initializers.truncated_normal(float(np.sqrt(2.6 / fan)))
    return {"kernel_init": start, "bias_init": nn.initializers.zeros}


def contrib_kernel(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """`contrib` of a kernel [... I O] whose fan-in is what its shape says."""
    return contrib(math.prod(shape[:-1]))["kernel_init"](key, shape, dtype)


def contrib_cudnn(width: int) -> _RecurrentInit:
    """`contrib` in tf.contrib's CudnnLSTM of `width` units, whose bias starts at zero.

    It draws each gate's matrix as [units, inputs] and takes the units for the fan-in.
    """
    return {"recurrent_init": contrib(width)["kernel_init"], **contrib(width)}


def tf_gru(fan: int, width: int) -> _RecurrentInit:
    """TensorFlow 1's GRUCell of `width` units and `fan` inputs, gates (reset, update, candidate).

    Glorot's, of inputs and state together: the two gates are one matrix, the candidate another.
    The gates' bias is 1: half in each of ours, of the inputs and of the state.
    """
    gate, candidate = fan_uniform((fan + 3 * width) / 6), fan_uniform((fan + 2 * width) / 6)
    kernel = per_gate(gate, gate, candidate)
    half = nn.initializers.constant(0.5)
    bias = per_gate(half, half, nn.initializers.zeros)
    return {"kernel_init": kernel, "recurrent_init": kernel, "bias_init": bias}


def sincnet_dense(fan_in: int, fan_out: int) -> LayerInit:
    """SincNet's dense layers: uniform within sqrt(0.01 / (fan_in + fan_out)), zero bias."""
    start = fan_uniform((fan_in + fan_out) / 0.01)
    return {"kernel_init": start, "bias_init": nn.initializers.zeros}


def xavier_normal(fan_in: int, fan_out: int) -> Initializer:
    """PyTorch's xavier_normal_: a normal of Glorot's deviation, not cut off as Flax's is."""
    return nn.initializers.normal((2 / (fan_in + fan_out)) ** 0.5)


def keras_orthogonal(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """Keras 1's orthogonal recurrent kernel [D D], 1.1 times a random rotation."""
    return nn.initializers.orthogonal(1.1)(key, shape, dtype)


def per_gate(*starts: Initializer) -> Initializer:
    """Initialiser of [... I n D] = n matrices side by side, each drawn by itself by its own."""

    def initialise(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        keys = jax.random.split(key, len(starts))
        part = (*shape[:-1], shape[-1] // len(starts))
        return jnp.concatenate([start(k, part, dtype) for start, k in zip(starts, keys)], -1)

    return initialise
