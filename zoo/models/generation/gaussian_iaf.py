"""Inverse autoregressive flow: noise to audio in one pass, the student of ClariNet.

Ping, Peng, Chen 2019 (ICLR), arXiv 1807.07281, section 3.2. 6 flows, each a causal WaveNet of 10
layers of 64 channels over noise; the whole is one Gaussian per sample given the noise before it.
Given logistic noise it is one logistic per sample: the student of Parallel WaveNet (van den Oord
et al. 2018, arXiv 1711.10433), whose four flows have 10, 10, 10 and 30 layers.

Deviations and guesses
- widths (gate 128, skip 64, kernel 3, 32 taps in front, weight norm) are those of the public
  reimplementation ksw0306/ClariNet, in which the condition is upsampled by the frozen teacher;
- the last layer's residual convolution has no effect and is left out unless `last_residual`;
- residuals are not scaled; that code multiplies by sqrt(1/2);
- the last convolution starts 32 times smaller than the rest, whose start is that code's (torch's).
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.gated import gated_tanh
from zoo.layers.initializers import torch
from zoo.signal.precision import HIGHEST

_STACK = 10  # layers until the dilation is one again


class Net(nn.Module):
    """Causal WaveNet [B T 1], condition [B T D] -> (mean [B T 1], log scale [B T 1]).

    Output t sees input up to t. bias: of the log scale, at the beginning.
    """

    layers: int
    width: int
    gate: int
    skip: int
    kernel: int
    front: int
    weight_norm: bool
    last_residual: bool
    bias: float
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> tuple[jax.Array, jax.Array]:
        def conv(x: jax.Array, features: int, taps: int, name: str, **how: Any) -> jax.Array:
            same = {"padding": "causal", "weight_norm": self.weight_norm, "dtype": self.dtype}
            how = {**same, **torch(taps * x.shape[-1]), **how}
            return Conv(features, taps, name=name, **how)(x)

        x, skips = nn.relu(conv(x, self.width, self.front, "front")), []
        for i in range(self.layers):
            z = conv(x, 2 * self.gate, self.kernel, f"dilated_{i}", dilation=2 ** (i % _STACK))
            z += conv(condition, 2 * self.gate, 1, f"condition_{i}")
            z = gated_tanh(z)
            skips.append(conv(z, self.skip, 1, f"skip_{i}"))
            if i < self.layers - 1 or self.last_residual:
                x = x + conv(z, self.width, 1, f"residual_{i}")
        total = reduce(jnp.add, skips)
        hidden = nn.relu(conv(nn.relu(total), self.skip, 1, "hidden"))
        # Flows multiply: small outputs keep the first audio near the noise.
        small = nn.initializers.variance_scaling(1e-3, "fan_in", "truncated_normal")
        start = nn.initializers.constant(jnp.array([0.0, self.bias]))
        fine = {
            "dtype": jnp.float32,
            "precision": HIGHEST,
            "kernel_init": small,
            "bias_init": start,
        }
        raw = conv(hidden, 2, 1, "output", **fine)  # the mean is sound: bfloat16 would be a hiss
        mean, log_scale = jnp.split(raw, 2, -1)
        return mean, log_scale


class GaussianIAF(nn.Module):
    """Noise [B T 1], condition [B T D] -> (audio, mean, log scale), each [B T 1].

    audio = mean + exp(log scale) noise, where mean[t] and log scale[t] are made of noise before t
    and of the condition up to t. layers: of every flow, or of each of them. quiet: log scale at the
    beginning.
    """

    flows: int = 6
    layers: int | tuple[int, ...] = 10
    width: int = 64
    gate: int = 128
    skip: int = 64
    kernel: int = 3
    front: int = 32
    weight_norm: bool = True
    last_residual: bool = False
    quiet: float = 0.0
    dtype: Any = jnp.float32

    def setup(self) -> None:
        if len(self.depths) != self.flows:
            raise BadInput(f"layers of {len(self.depths)} flows, not of {self.flows}: give each")
        self.nets = [
            Net(
                layers,
                self.width,
                self.gate,
                self.skip,
                self.kernel,
                self.front,
                self.weight_norm,
                self.last_residual,
                self.quiet / self.flows,
                self.dtype,
            )
            for layers in self.depths
        ]

    @property
    def depths(self) -> tuple[int, ...]:
        """Layers of every flow."""
        return (self.layers,) * self.flows if isinstance(self.layers, int) else tuple(self.layers)

    @property
    def receptive_field(self) -> int:
        """Samples of noise up to its own of which a sample is made; one per flow is its shift."""
        spans = sum(2 ** (i % _STACK) for layers in self.depths for i in range(layers))
        return 1 + self.flows * self.front + (self.kernel - 1) * spans

    def __call__(
        self, noise: jax.Array, condition: jax.Array, *, train: bool = False
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        if condition.shape[1] < noise.shape[1]:
            raise BadInput(
                f"condition lasts {condition.shape[1]} samples, noise {noise.shape[1]};"
                " give more frames"
            )
        condition = condition[:, : noise.shape[1]]
        x, mean, log_scale = noise, jnp.zeros_like(noise), jnp.zeros_like(noise)
        for net in self.nets:
            before = jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]
            shift, stretch = net(before, condition)
            x, mean = (y * jnp.exp(stretch) + shift for y in (x, mean))
            log_scale += stretch
        return x, mean, log_scale
