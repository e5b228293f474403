"""FloWaveNet: audio as an invertible function of Gaussian noise, given its mel spectrogram.

Kim, Lee, Song, Kim, Yoon 2019 (ICML), arXiv 1811.02155, figure 1. 8 blocks, each of which halves
the rate and has 6 flows of ActNorm, an affine coupling by a non-causal WaveNet of 2 layers of 256
channels, and a change of order; half of the channels leave after block 4.

Deviations and guesses
- what the paper leaves open (residuals times sqrt(1/2), the gain exp(3 g) of last convolutions, the
  order of channels, how the condition is upsampled) is as in the authors' code,
  ksw0306/FloWaveNet;
- the last layer's residual convolution has no effect and is left out unless `last_residual`;
- z holds all channels of a step of the last block; in that code it is as long as the audio.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.flow import (
    ActNorm,
    affine,
    affine_inverse,
    squeeze,
    squeeze_channels,
    unsqueeze,
    unsqueeze_channels,
)
from zoo.layers.gated import gated_tanh
from zoo.layers.initializers import torch
from zoo.layers.mel_upsampling import MelUpsampling, mean_of
from zoo.signal.precision import HIGHEST

_Pair = tuple[jax.Array, jax.Array]


class Net(nn.Module):
    """Non-causal WaveNet [B T C], condition [B T D] -> two halves of its output, each [B T F].

    Layer i has dilation 2^i. The last convolution begins at zero, so that all output does.
    """

    features: int
    width: int = 256
    layers: int = 2
    last_residual: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> _Pair:
        def conv(x: jax.Array, features: int, taps: int, name: str, dilation: int = 1) -> jax.Array:
            how: dict[str, Any] = dict(dilation=dilation, weight_norm=True, dtype=self.dtype)
            how |= torch(taps * x.shape[-1])
            return Conv(features, taps, name=name, **how)(x)

        width = self.width
        total: Any = 0.0
        x = nn.relu(conv(x, width, 3, "front"))
        for i in range(self.layers):
            z = conv(x, 2 * width, 3, f"dilated_{i}", 2**i)
            z = gated_tanh(z + conv(condition, 2 * width, 1, f"condition_{i}"))
            total += conv(z, width, 1, f"skip_{i}")
            if i < self.layers - 1 or self.last_residual:
                x = (x + conv(z, width, 1, f"residual_{i}")) * math.sqrt(0.5)
        hidden = nn.relu(conv(nn.relu(total), width, 1, "hidden"))
        # In float32: the shift is added to sound, in which the rounding of bfloat16 is a hiss.
        zero = nn.initializers.zeros
        end = Conv(2 * self.features, 1, kernel_init=zero, precision=HIGHEST, name="end")(hidden)
        gain = self.param("end_gain", zero, (2 * self.features,))
        return _halves(end * jnp.exp(3 * gain))


class Block(nn.Module):
    """Flows at one rate [B T C], condition [B T D] -> the same and what they stretch, and back.

    Flows with an odd number leave the halves of the condition changed, as they do in the code.
    """

    flows: int
    channels: int
    width: int
    layers: int
    split: bool
    last_residual: bool
    dtype: Any

    def setup(self) -> None:
        half = self.channels // 2
        how = (self.width, self.layers, self.last_residual, self.dtype)
        self.norms = [ActNorm() for _ in range(self.flows)]
        self.couplings = [Net(half, *how) for _ in range(self.flows)]
        if self.split:
            self.prior = Net(half, self.width, 2, self.last_residual, self.dtype)

    def __call__(self, x: jax.Array, condition: jax.Array) -> tuple[jax.Array, ...]:
        """(what goes on, what leaves or nothing [B T 0], condition, log-determinant [B])."""
        total = jnp.zeros(len(x))
        for norm, coupling in zip(self.norms, self.couplings):
            x, log_det = norm(x)
            (still, moved), (near, far) = _halves(x), _halves(condition)
            log_scale, shift = coupling(still, near)
            x = jnp.concatenate([affine_inverse(moved, log_scale, shift), still], -1)
            condition = jnp.concatenate([far, near], -1)
            total += x.shape[1] * log_det - jnp.sum(log_scale, (1, 2))
        if not self.split:
            return x, x[..., :0], condition, total
        # A Gaussian that the rest predicts: in whitened units it is one more coupling.
        x, left = _halves(x)
        mean, log_scale = self.prior(x, condition)
        left = affine_inverse(left, log_scale, mean)
        return x, left, condition, total - jnp.sum(log_scale, (1, 2))

    def inverse(self, x: jax.Array, left: jax.Array, condition: jax.Array) -> _Pair:
        """(what came in, condition) of what `__call__` gave."""
        if self.split:
            mean, log_scale = self.prior(x, condition)
            x = jnp.concatenate([x, affine(left, log_scale, mean)[0]], -1)
        for norm, coupling in zip(reversed(self.norms), reversed(self.couplings)):
            (moved, still), (far, near) = _halves(x), _halves(condition)
            moved = affine(moved, *coupling(still, near))[0]
            condition = jnp.concatenate([near, far], -1)
            x, _ = norm(jnp.concatenate([still, moved], -1), inverse=True)
        return x, condition


class FloWaveNet(nn.Module):
    """Audio [B T 1], mel [B F M] -> (z [B T/group group], log-determinant [B]), and back.

    T is a multiple of `group` = 2^blocks, F is T / hop or more, hop the product of `upsampling`.
    Where the audio follows the model, z is white Gaussian noise. Half of the channels leave after
    every `split_every` blocks, but not after the last. even_upsampling: the upsampling begins as a
    mean of neighbouring frames and bins, and not at random as in the authors' code, from where it
    hands on about a hundredth of how the frames move, until long training has made up for that.
    """

    blocks: int = 8
    flows: int = 6
    layers: int = 2
    width: int = 256
    split_every: int = 4
    bins: int = 80
    upsampling: tuple[int, ...] = (16, 16)
    last_residual: bool = False
    even_upsampling: bool = False
    dtype: Any = jnp.float32

    def setup(self) -> None:
        if self.hop % self.group:
            raise BadInput(
                f"a hop of {self.hop} is no multiple of {self.group} = 2^blocks samples; "
                f"give fewer blocks than {self.blocks}"
            )
        starts = mean_of(2 * 3) if self.even_upsampling else torch  # two frames, three bins
        layers = [MelUpsampling(s, starts=starts, dtype=self.dtype) for s in self.upsampling]
        self.upsample_layers = layers
        how = (self.last_residual, self.dtype)
        self.stages = [
            Block(self.flows, self._channels(k), self.width, self.layers, self._splits(k), *how)
            for k in range(self.blocks)
        ]

    @property
    def group(self) -> int:
        """Samples of a step of the last block."""
        return 2**self.blocks

    @property
    def hop(self) -> int:
        return math.prod(self.upsampling)

    @property
    def reach(self) -> int:
        """Samples on either side that one sample can depend on, without the mel upsampling's."""
        steps = self.flows * 2**self.layers  # the first convolution, and 1, 2, ... of the layers
        splits = sum(4 * 2 ** (k + 1) for k in range(self.blocks) if self._splits(k))
        return steps * (2 * self.group - 2) + splits

    @property
    def receptive_field(self) -> int:
        """Samples of noise of which one sample is made at most, or the reverse."""
        return 2 * self.reach + self.group

    @property
    def frames_before(self) -> int:
        """Mel frames before that of a sample on which the sample can depend."""
        return -(-(self.reach + self.group) // self.hop) + 2

    @property
    def frames_after(self) -> int:
        """Mel frames after that of a sample on which the sample can depend."""
        return self.frames_before

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """Names of parameters that the zeros in `end` keep from any gradient at the first step."""
        layers = "front", "dilated_", "condition_", "skip_", "residual_", "hidden"
        return (*layers, "end_gain", "upsample")

    def __call__(self, audio: jax.Array, mel: jax.Array, *, train: bool = False) -> _Pair:
        condition, x, left = self._condition(mel, audio.shape[1]), audio, []
        total = jnp.zeros(len(audio))
        for k, stage in enumerate(self.stages):
            x, condition = squeeze_channels(x), squeeze_channels(condition)
            x, gone, condition, log_det = stage(x, condition)
            total += log_det
            if self._splits(k):
                left.append(squeeze(gone, self.group // 2 ** (k + 1)))
        return jnp.concatenate([x, *left], -1), total

    def inverse(self, z: jax.Array, mel: jax.Array) -> jax.Array:
        """The audio [B T 1] of which `__call__` makes z [B T/group group]."""
        condition = self._condition(mel, z.shape[1] * self.group)
        for _ in range(self.blocks):
            condition = squeeze_channels(condition)
            if self.flows % 2:
                condition = jnp.concatenate(_halves(condition)[::-1], -1)
        # What left stands behind x, block after block.
        x, rest = z[..., : self._kept(self.blocks - 1)], z[..., self._kept(self.blocks - 1) :]
        for k, stage in reversed(list(enumerate(self.stages))):
            left = x[..., :0]
            if self._splits(k):
                share = self._channels(k) // 2 * (self.group // 2 ** (k + 1))
                left = unsqueeze(rest[..., -share:], self.group // 2 ** (k + 1))
                rest = rest[..., :-share]
            x, condition = stage.inverse(x, left, condition)
            x, condition = unsqueeze_channels(x), unsqueeze_channels(condition)
        return x

    def _splits(self, block: int) -> bool:
        return (block + 1) % self.split_every == 0 and block < self.blocks - 1

    def _channels(self, block: int) -> int:
        """Channels within a block: as many as its samples, halved by every split before."""
        return 2 ** (block + 1 - block // self.split_every)

    def _kept(self, block: int) -> int:
        """Channels that go on after a block."""
        return self._channels(block) // (2 if self._splits(block) else 1)

    def _condition(self, mel: jax.Array, length: int) -> jax.Array:
        """Mel [B F M] -> one frame per sample [B T M]."""
        if mel.shape[1] * self.hop < length:
            raise BadInput(
                f"{mel.shape[1]} mel frames tell of {mel.shape[1] * self.hop} samples, not of "
                f"{length}; give more frames"
            )
        for layer in self.upsample_layers:
            mel = layer(mel)
        return mel[:, :length]


def _halves(x: jax.Array) -> _Pair:
    first, second = jnp.split(x, 2, -1)
    return first, second
