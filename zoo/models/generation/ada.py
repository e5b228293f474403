"""Autoregressive discrete autoencoder: an encoder, codes, a modulator and a local model.

Dieleman, van den Oord, Simonyan, "The challenge of realistic music generation: modelling raw audio
at scale", NeurIPS 2018, arXiv 1806.10474, section 3: audio at 16 kHz in 256 mu-law codes; a code in
place of 8 samples; the modulator turns codes into what the local model, a WaveNet, is conditioned
on; encoder and modulator look both ways, the local model back alone. The same net again over these
codes gives one in place of 64 samples. Codes by argmax (AMAE) or by a codebook (VQ).

Deviations and guesses (reported, unchecked: the paper's text was not at hand)
- layers and widths are not established: the local model is that of the same group's NSynth;
- the encoder halves the rate by convolutions of window 4, then come dilated residual layers;
- codes as input go through an embedding, audio as its companded amplitude;
- the weight of the diversity is about .01, of a mean over codes, not a sum;
- `normalise`, not the paper's, is a batch norm of the queries: a code whose query is negative
  everywhere has no gradient, and under it none is.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.norm import BatchNorm
from zoo.layers.quantizer import ArgmaxQuantizer, Quantised, Quantizer
from zoo.layers.receptive_field import Step, conditioned, input_interval, same_padded
from zoo.signal.precision import HIGHEST


class TwoSidedStack(nn.Module):
    """Residual dilated convolutions of three taps that look both ways, [B F C] -> [B F C]."""

    layers: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width = x.shape[-1]
        for i in range(self.layers):
            y = Conv(width, 3, dilation=2**i, dtype=self.dtype, name=f"dilated_{i}")(nn.relu(x))
            x = x + Conv(width, 1, dtype=self.dtype, name=f"mixed_{i}")(nn.relu(y))
        return x


class Encoder(nn.Module):
    """What the decoder predicts [B T 1] -> latents [B F D], F = T / 2^levels.

    distribution: that of the input; its symbols are embedded where `embed`, else its `inputs` read.
    """

    distribution: Any
    width: int
    code_width: int
    levels: int
    layers: int
    embed: bool
    normalise: bool
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if self.embed:
            table = nn.Embed(self.distribution.symbols, self.width, dtype=self.dtype, name="source")
            x = table(self.distribution.encode(x)[..., 0])
        else:
            x = self.distribution.inputs(x)
        for level in range(self.levels):
            x = Conv(self.width, 4, stride=2, padding=1, dtype=self.dtype, name=f"down_{level}")(x)
            x = nn.relu(x) if level < self.levels - 1 else x
        x = nn.relu(TwoSidedStack(self.layers, self.dtype, name="context")(x))
        # In float32: codes distinguish latents that may all be large and differ little.
        x = Conv(self.code_width, 1, use_bias=not self.normalise, precision=HIGHEST, name="latent")(
            x
        )
        if self.normalise:
            x = BatchNorm(use_scale=False, use_bias=False, name="norm")(x, train=train)
        return x


class Modulator(nn.Module):
    """Vectors of codes [B F D] -> what the local model upsamples [B F L]."""

    width: int
    features: int
    layers: int
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = Conv(self.width, 1, dtype=self.dtype, name="source")(x)
        x = nn.relu(TwoSidedStack(self.layers, self.dtype, name="context")(x))
        return Conv(self.features, 1, dtype=self.dtype, name="output")(x)


class DiscreteAutoencoder(nn.Module):
    """Audio or codes [B T 1] -> (raw parameters of each next one [B T P], `Quantised`, F = T/hop).

    decoder: the local model, a WaveNet whose upsampling makes up for the encoder's 2^levels. width,
    layers: of encoder and modulator. code_width: of a latent; for an argmax the number of codes.
    """

    decoder: nn.Module
    quantizer: ArgmaxQuantizer | Quantizer
    width: int = 256
    code_width: int = 256
    levels: int = 3
    layers: int = 6
    embed: bool = False
    normalise: bool = False
    dtype: Any = jnp.float32

    def setup(self) -> None:
        if math.prod(self.decoder.upsampling) != self.hop:
            raise BadInput(
                f"the local model upsamples by {math.prod(self.decoder.upsampling)}, codes come "
                f"every {self.hop}: make them equal"
            )
        self.encoder = Encoder(
            self.decoder.distribution,
            self.width,
            self.code_width,
            self.levels,
            self.layers,
            self.embed,
            self.normalise,
            self.dtype,
        )
        self.modulator = Modulator(
            self.width, self.decoder.local_condition, self.layers, self.dtype
        )

    @property
    def codes(self) -> int:
        """How many there are."""
        return self.quantizer.codes

    @property
    def hop(self) -> int:
        """Inputs that a code stands for."""
        return 2**self.levels

    @property
    def reach(self) -> int:
        """Codes to either side of its own that a condition of the local model depends on."""
        return 2**self.layers + 1

    def span(self, codes: int) -> int:
        """Inputs of which so many neighbouring codes are made."""
        first, last = input_interval(self._down, 0, codes - 1)
        return last - first + 1

    @property
    def receptive_field(self) -> int:
        """Inputs of which one prediction is made: those before it, and the input of its codes."""
        net = self.decoder
        up = tuple(Step(2 * s, s, s // 2, up=True) for s in net.upsampling)
        before = net.receptive_field - 1
        # The first layer sees its codes at the present sample, not at one before it.
        late = before - (net.kernel - 1) * net.dilations[0]
        return conditioned((*self._down, *self._both, *up), self.hop, before, late)

    @property
    def _down(self) -> tuple[Step, ...]:
        return (*(Step(4, 2, 1),) * self.levels, *self._both)

    @property
    def _both(self) -> tuple[Step, ...]:
        return tuple(same_padded(3, 2**i) for i in range(self.layers))

    def __call__(self, audio: jax.Array, *, train: bool = False) -> tuple[jax.Array, Quantised]:
        found = self.quantise(audio, train=train)
        return self.decoder(audio, condition=self.modulator(found.output)), found

    def quantise(self, audio: jax.Array, *, train: bool = False) -> Quantised:
        """Audio or codes [B T 1], T a multiple of the hop -> latents, codes and their vectors."""
        if audio.shape[1] % self.hop:
            raise BadInput(
                f"an input of {audio.shape[1]} is no whole number of codes of {self.hop}: "
                "use a multiple of it"
            )
        return self.quantizer(self.encoder(audio, train=train), train=train)

    def encode(self, audio: jax.Array) -> jax.Array:
        """Audio or codes [B T 1] -> codes [B F] int32."""
        return self.quantise(audio).codes

    def frames(self, codes: jax.Array) -> jax.Array:
        """Codes [B F] -> what the local model follows, one frame per output [B T L]."""
        vectors = self.quantizer.vectors(self.quantizer.variables, codes)
        return self.decoder.upsample(self.modulator(vectors))
