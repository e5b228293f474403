"""SincNet: a first layer of band-passes that learns nothing but their two cut-offs.

Mirco Ravanelli, Yoshua Bengio: "Speaker Recognition from Raw Waveform with SincNet", SLT 2018; the
TIMIT configuration of the authors' code (dnn_models.py, cfg/SincNet_TIMIT.cfg).

Deviations and guesses:
- Norms that the code creates and never uses are left out: 22,772,598 of its 22,787,134 parameters.
- The Hamming window is exact; the code's, sampled a little off, differs by less than 2e-4.
- The output is logits; for tags read them through a sigmoid, for speakers through a softmax.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.layers.conv import Conv, convolve
from zoo.layers.initializers import sincnet_dense, torch
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import max_pool
from zoo.signal.filters import sinc_bandpass
from zoo.signal.mel import hz_to_mel, mel_to_hz


def mel_spaced(count: int, sample_rate: float, lowest: float = 30.0) -> np.ndarray:
    """Edges of adjacent bands, equally wide in mels, -> [count + 1] Hz up to 100 below Nyquist."""
    low, high = hz_to_mel([lowest, sample_rate / 2 - 100], "htk")
    return mel_to_hz(np.linspace(low, high, count + 1), "htk").astype(np.float32)


def cut_offs(
    low: jax.Array, band: jax.Array, sample_rate: float, least: float = 50.0
) -> tuple[jax.Array, jax.Array]:
    """Any real parameters -> cut-offs in Hz, [C] and [C] -> [C] and [C], low below high.

    Neither the lower one nor the bandwidth falls below `least`; the upper one stops at Nyquist, the
    lower one `least` below it, which the authors leave open.
    """
    # Without the limit a band beyond Nyquist is a negative one, and its filter deafening.
    low = jnp.minimum(least + jnp.abs(low), sample_rate / 2 - least)
    return low, jnp.clip(low + least + jnp.abs(band), least, sample_rate / 2)


class SincConv(nn.Module):
    """Unpadded band-passes, [B T 1] -> [B T-taps+1 filters]; parameters 'low' and 'band' in Hz.

    Their gradients are small for numbers of that size: give the layer a higher learning rate.
    """

    filters: int = 80
    taps: int = 251
    sample_rate: float = 16_000
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        edges = mel_spaced(self.filters, self.sample_rate)
        low = self.param("low", lambda _: jnp.asarray(edges[:-1]))
        band = self.param("band", lambda _: jnp.asarray(np.diff(edges)))
        ends = cut_offs(low, band, self.sample_rate)
        kernel = sinc_bandpass(*ends, self.taps, self.sample_rate)[:, None]
        return convolve(x.astype(self.dtype), kernel.astype(self.dtype), padding="valid")


class TimeNorm(nn.Module):
    """Each channel over its own time, [B T C] or [B D] -> same shape; a gain for every position.

    As the authors': divided by the unbiased deviation plus epsilon.
    """

    epsilon: float = 1e-6
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        scale = self.param("scale", nn.initializers.ones, x.shape[1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[1:])
        x = x.astype(jnp.float32)
        centred = x - x.mean(1, keepdims=True)
        # The root's gradient at a constant input, silence, would be infinite.
        variance = jnp.maximum((centred**2).sum(1, keepdims=True) / (x.shape[1] - 1), 1e-20)
        return (scale * centred / (jnp.sqrt(variance) + self.epsilon) + bias).astype(self.dtype)


class SincNet(nn.Module):
    """Speaker or tags from 200 ms of sound, [B T 1] -> logits [B K]; T = `samples` exactly.

    Apply with mutable=['intermediates'] to see 'level_1', ..., [B T' C] and 'penultimate' [B D].
    """

    labels: int = 462
    samples: int = 3_200
    sample_rate: float = 16_000
    filters: int = 80
    taps: int = 251
    channels: tuple[int, ...] = (60, 60)  # of the convolutions above the band-passes
    kernel_size: int = 5
    pool: int = 3
    hidden: tuple[int, ...] = (2048, 2048, 2048)
    slope: float = 0.2  # of the leaky ReLU
    momentum: float = 0.95  # batch norm; 0.05 in torch's terms
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> int:
        """All of its input."""
        return self.samples

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.shape[1:] != (self.samples, 1):
            raise BadInput(f"SincNet takes [B {self.samples:,} 1], not {x.shape}")
        x = TimeNorm(dtype=self.dtype, name="norm_input")(x)
        x = SincConv(self.filters, self.taps, self.sample_rate, self.dtype, name="sinc")(x)
        x = self._level(jnp.abs(x), 1)
        for i, features in enumerate(self.channels):
            starts = torch(self.kernel_size * x.shape[-1])
            conv = Conv(
                features,
                self.kernel_size,
                padding="valid",
                **starts,
                dtype=self.dtype,
                name=f"conv_{i + 2}",
            )
            x = self._level(conv(x), i + 2)
        x = TimeNorm(dtype=self.dtype, name="norm_flat")(x.reshape(x.shape[0], -1))
        for i, width in enumerate(self.hidden):
            starts = sincnet_dense(x.shape[-1], width)
            x = nn.Dense(width, **starts, dtype=self.dtype, name=f"dense_{i + 1}")(x)
            norm = BatchNorm(self.momentum, dtype=self.dtype, name=f"norm_dense_{i + 1}")
            x = nn.leaky_relu(norm(x, train=train), self.slope)
        self.sow("intermediates", "penultimate", x)
        starts = sincnet_dense(x.shape[-1], self.labels)
        x = nn.Dense(self.labels, **starts, dtype=self.dtype, name="top")(x)
        return x.astype(jnp.float32)

    def _level(self, x: jax.Array, number: int) -> jax.Array:
        norm = TimeNorm(dtype=self.dtype, name=f"norm_{number}")
        x = nn.leaky_relu(norm(max_pool(x, self.pool)), self.slope)
        self.sow("intermediates", f"level_{number}", x)
        return x
