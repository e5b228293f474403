"""Singing voice by vocoder parameters (Chandna, Blaauw, Bonada, Gomez, ICASSP 2019).

From magnitudes of a mixture to what WORLD plays the voice from, frame by frame: 60 points of its
envelope and 4 of its aperiodicity, its pitch, and whether it has one. A 1x1 convolution, six blocks
of gated convolutions, dilated by 1 to 32 to both sides, whose outputs are summed, and a pair of
layers for each of the four. After the authors' code (pc2752/ss_synthesis), which the paper's text
was not compared with; 3,958,338 parameters.

- Its normalisation is theirs: magnitudes over the loudest of their bin, parameters between the
  least and the most of training, decibels up to 0 at least. But the pitch lies between the least
  and the most of voiced frames: in their published ranges it begins at 0, the number of the frames
  that fill up files, so that a semitone is an eightieth.
- ReLUs end three heads, as theirs; their biases begin at .5, for at 0 the pitch, a single unit, is
  dead for good in one start of two.
- Periodic Hann windows, where theirs are symmetric. Their taps at the present frame are one sum.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import convolve
from zoo.layers.initializers import GLOROT
from zoo.signal import stft

HALF = nn.initializers.constant(0.5)


class Taps(nn.Module):
    """Kernel [2 C features] and bias of a convolution of two taps, which others are added to."""

    features: int

    @nn.compact
    def __call__(self, width: int) -> tuple[jax.Array, jax.Array]:
        kernel = self.param("kernel", GLOROT, (2, width, self.features))
        return kernel, self.param("bias", nn.initializers.zeros, (self.features,))


class Block(nn.Module):
    """Gated convolutions, [B F C] -> (skip, residual), [B F C] both.

    Either gate sums two convolutions of two taps, `dilation` frames back and as many ahead; as one
    convolution of three taps, both gates side by side.
    """

    dilation: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        width = x.shape[-1]
        gates = [self._gate(name, width) for name in ("sigmoid", "tanh")]
        kernel, bias = (jnp.concatenate(parts, -1).astype(self.dtype) for parts in zip(*gates))
        reach = (self.dilation, self.dilation)
        both = convolve(x, kernel, dilation=self.dilation, padding=reach) + bias
        passed, shaped = jnp.split(both, 2, -1)
        gated = nn.sigmoid(passed) * jnp.tanh(shaped)
        skip = nn.Dense(width, kernel_init=GLOROT, dtype=self.dtype, name="skip")(gated)
        return skip, skip + x

    def _gate(self, name: str, width: int) -> tuple[jax.Array, jax.Array]:
        """Three taps [3 C C] and a bias [C]."""
        back, one = Taps(width, name=f"{name}_back")(width)
        ahead, other = Taps(width, name=f"{name}_ahead")(width)
        return jnp.stack([back[0], back[1] + ahead[0], ahead[1]]), one + other


class VoiceVocoder(nn.Module):
    """Parameters of the voice in a mixture, [B T 1] -> [B F P], F = (T - n_fft) // hop + 1.

    P: `envelope` and `bands` decibels, the pitch as a MIDI number, the probability of none. Frame f
    is of samples f hop to f hop + n_fft. What is learnt is normalised by the collection `ranges`,
    arrays `loudest` [N], `least` and `most` [P].
    """

    n_fft: int = 1024
    hop: int = 256
    width: int = 256
    blocks: int = 6
    envelope: int = 60
    bands: int = 4
    dtype: Any = jnp.float32

    @property
    def size(self) -> int:
        return self.envelope + self.bands + 2

    @property
    def receptive_field(self) -> int:
        return 2 * (2**self.blocks - 1) * self.hop + self.n_fft

    def setup(self) -> None:
        bins, size = self.n_fft // 2 + 1, self.size
        self.loudest = self.variable("ranges", "loudest", jnp.ones, (bins,))
        self.least = self.variable("ranges", "least", jnp.zeros, (size,))
        self.most = self.variable("ranges", "most", jnp.ones, (size,))
        self.net = VoiceNet(self.width, self.blocks, self.envelope, self.bands, self.dtype)

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        found = self.normalised(x)
        shares = jnp.concatenate([found[..., :-1], nn.sigmoid(found[..., -1:])], -1)
        return shares * (self.most.value - self.least.value) + self.least.value

    def normalised(self, x: jax.Array) -> jax.Array:
        """[B T 1] -> [B F P]: parameters in 0..1, but of the last the logit."""
        return self.net(self.magnitudes(x) / self.loudest.value).astype(jnp.float32)

    def magnitudes(self, x: jax.Array) -> jax.Array:
        """[B T 1] -> [B F N]."""
        if x.shape[-1] != 1 or x.shape[1] < self.n_fft:
            raise BadInput(
                f"audio {x.shape}: give mono mixtures [B T 1] of {self.n_fft} samples or more"
            )
        return stft.magnitude(stft.stft(x, self.n_fft, self.hop, centre=False))[..., 0]

    def shares(self, parameters: jax.Array) -> jax.Array:
        """Parameters as this model learns them, [B F P] -> [B F P] in 0..1."""
        span = jnp.maximum(self.most.value - self.least.value, 1e-6)
        return jnp.clip((parameters - self.least.value) / span, 0, 1)


class VoiceNet(nn.Module):
    """Normalised magnitudes to normalised parameters, [B F N] -> [B F P]."""

    width: int
    blocks: int
    envelope: int
    bands: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        first = self._layer(self.width, "first")(x.astype(self.dtype))
        total = residual = first
        for number in range(self.blocks):
            block = Block(2**number, self.dtype, name=f"block_{number}")
            skip, residual = block(residual)
            total = total + skip
        total = nn.relu(total)
        sizes = {"envelope": self.envelope, "bands": self.bands, "pitch": 1}
        heads = [nn.relu(self._head(total, name, size, HALF)) for name, size in sizes.items()]
        logit = self._head(total, "unvoiced", 1, nn.initializers.zeros)
        return jnp.concatenate([*heads, logit], -1)

    def _head(self, x: jax.Array, name: str, size: int, bias: Any) -> jax.Array:
        return self._layer(size, name, bias)(self._layer(self.width, f"{name}_before")(x))

    def _layer(self, features: int, name: str, bias: Any = nn.initializers.zeros) -> nn.Dense:
        return nn.Dense(features, kernel_init=GLOROT, bias_init=bias, dtype=self.dtype, name=name)
