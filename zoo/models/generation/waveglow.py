"""WaveGlow: audio as an invertible function of Gaussian noise, given its mel spectrogram.

Prenger, Valle, Catanzaro 2019 (ICASSP), arXiv 1811.00002, figure 1. 12 flows with coupling
networks of 8 layers and 512 channels; NVIDIA's public weights have 256.

Deviations and guesses
- the condition of a group is laid out frame by frame, not bin by bin as in NVIDIA's code; the
  converter of its weights permutes them;
- a new mixing matrix is a rotation, as there; the mel front end is `zoo.signal.mel.WAVEGLOW`.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv, TransposedConv
from zoo.layers.flow import InvertibleConv, affine, affine_inverse, squeeze, unsqueeze
from zoo.layers.gated import gated_tanh
from zoo.layers.initializers import torch
from zoo.signal.precision import HIGHEST


class Coupling(nn.Module):
    """Non-causal WaveNet [B T C], condition [B T D] -> (log scale [B T C], shift [B T C]).

    Layer i has dilation 2^i. The last convolution begins at zero, so that a new coupling is the
    identity.
    """

    features: int
    width: int = 512
    layers: int = 8
    kernel: int = 3
    weight_norm: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> tuple[jax.Array, jax.Array]:
        def conv(features: int, taps: int, name: str, fan: int, dilation: int = 1) -> Conv:
            return Conv(
                features,
                taps,
                dilation=dilation,
                weight_norm=self.weight_norm,
                dtype=self.dtype,
                name=name,
                **torch(taps * fan),
            )

        width, last = self.width, self.layers - 1
        added = conv(2 * width * self.layers, 1, "condition", condition.shape[-1])(condition)
        x = conv(width, 1, "start", x.shape[-1])(x)
        skips = []
        for i in range(self.layers):
            z = conv(2 * width, self.kernel, f"dilated_{i}", width, 2**i)(x)
            z = gated_tanh(z + added[..., 2 * width * i : 2 * width * (i + 1)])
            both = conv(width if i == last else 2 * width, 1, f"mixed_{i}", width)(z)
            x = x + both[..., :width] if i < last else x
            skips.append(both[..., -width:])
        zero = nn.initializers.zeros
        # In float32: the shift is added to sound, in which the rounding of bfloat16 is a hiss.
        end = Conv(2 * self.features, 1, kernel_init=zero, precision=HIGHEST, name="end")
        shift, log_scale = jnp.split(end(reduce(jnp.add, skips)), 2, -1)
        return log_scale, shift


class WaveGlow(nn.Module):
    """Audio [B T 1], mel [B F M] -> (z [B T/group group], log-determinant [B]), and back.

    T is a multiple of `group`; frame f of the mel spectrogram is centred on sample f hop, and F is
    T / hop or more. Where the audio follows the model, z is white Gaussian noise. `early` channels
    of z leave after every `early_every` flows.
    """

    flows: int = 12
    group: int = 8
    early_every: int = 4
    early: int = 2
    width: int = 512
    layers: int = 8
    kernel: int = 3
    bins: int = 80
    hop: int = 256
    upsampling_kernel: int = 1024
    weight_norm: bool = True
    dtype: Any = jnp.float32

    def setup(self) -> None:
        if self.hop % self.group:
            raise BadInput(f"a hop of {self.hop} is no multiple of groups of {self.group} samples")
        channels = [self.group - self.early * self._left(k) for k in range(self.flows)]
        if min(channels) < 2 or any(c % 2 for c in channels):
            raise BadInput(f"flows of {channels} channels: give a longer early_every")
        self.upsample = TransposedConv(
            self.bins,
            self.upsampling_kernel,
            self.hop,
            0,
            dtype=self.dtype,
            **torch(self.upsampling_kernel * self.bins),
        )
        self.mixers = [InvertibleConv(c) for c in channels]
        self.couplings = [
            Coupling(c // 2, self.width, self.layers, self.kernel, self.weight_norm, self.dtype)
            for c in channels
        ]

    @property
    def reach(self) -> int:
        """Samples on either side that one sample can depend on, without the mel upsampling's."""
        return self.flows * (2**self.layers - 1) * (self.kernel - 1) // 2 * self.group

    @property
    def receptive_field(self) -> int:
        """Samples of noise of which one sample is made, or the reverse, in whole groups."""
        return 2 * self.reach + self.group

    @property
    def frames_before(self) -> int:
        """Mel frames before that of a sample on which the sample can depend."""
        return -(-(self.reach + self.upsampling_kernel) // self.hop)

    @property
    def frames_after(self) -> int:
        """Mel frames after that of a sample on which the sample can depend."""
        return -(-self.reach // self.hop)

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """Names of parameters that the zeros in `end` keep from any gradient at the first step."""
        return "upsample", "start", "condition", "dilated_", "mixed_"

    def __call__(
        self, audio: jax.Array, mel: jax.Array, *, train: bool = False
    ) -> tuple[jax.Array, jax.Array]:
        condition = self._condition(mel, audio.shape[1])
        x, left = squeeze(audio, self.group), []
        total = jnp.zeros(audio.shape[0])
        for k in range(self.flows):
            if self._leaves(k):
                left.append(x[..., : self.early])
                x = x[..., self.early :]
            x, log_det = self.mixers[k](x)
            still, moved = jnp.split(x, 2, -1)
            moved, stretch = affine(moved, *self.couplings[k](still, condition))
            x = jnp.concatenate([still, moved], -1)
            total += stretch + x.shape[1] * log_det
        return jnp.concatenate([*left, x], -1), total

    def inverse(self, z: jax.Array, mel: jax.Array) -> jax.Array:
        """The audio [B T 1] of which `__call__` makes z [B T/group group]."""
        condition = self._condition(mel, z.shape[1] * self.group)
        rest = self.early * self._left(self.flows - 1)
        left, x = z[..., :rest], z[..., rest:]
        for k in reversed(range(self.flows)):
            still, moved = jnp.split(x, 2, -1)
            moved = affine_inverse(moved, *self.couplings[k](still, condition))
            x = self.mixers[k].inverse(jnp.concatenate([still, moved], -1))
            if self._leaves(k):
                x = jnp.concatenate([left[..., -self.early :], x], -1)
                left = left[..., : -self.early]
        return unsqueeze(x, self.group)

    def _leaves(self, flow: int) -> bool:
        return flow > 0 and flow % self.early_every == 0

    def _left(self, flow: int) -> int:
        """How often channels have left up to and including that flow."""
        return flow // self.early_every

    def _condition(self, mel: jax.Array, length: int) -> jax.Array:
        """Mel [B F M] -> the condition of every group of samples [B T/group group*M]."""
        if mel.shape[1] * self.hop < length:
            raise BadInput(
                f"{mel.shape[1]} mel frames tell of {mel.shape[1] * self.hop} samples, not of "
                f"{length}; give more frames"
            )
        return squeeze(self.upsample(mel)[:, :length], self.group)
