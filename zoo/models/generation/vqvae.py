"""VQ-VAE: audio as a few codes a frame, and a WaveNet that makes audio of the codes.

van den Oord, Vinyals, Kavukcuoglu, "Neural Discrete Representation Learning", NeurIPS 2017, arXiv
1711.00937, section 4.3: six convolutions of stride 2 and window 4, hence 64 samples a code, 512
codes, and a dilated convolutional decoder like WaveNet's under the speaker's one-hot code.

Deviations and guesses (reported, unchecked: the paper's text was not at hand)
- width of the encoder (256) and of a code (64), and the decoder's sizes, are not established;
- the encoder takes the mu-law-companded amplitude, the quantity that the decoder predicts;
- codes reach the decoder through transposed convolutions, 4 x 4 x 4, without activation;
- `normalise`, not the paper's, is a batch norm of the latents (Łańcucki et al. 2020): without it
  the commitment can shrink all latents to one code before the decoder has learnt to use them.
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
from zoo.layers.quantizer import Quantised, Quantizer
from zoo.layers.receptive_field import Step, conditioned, input_interval
from zoo.signal.precision import HIGHEST


class Encoder(nn.Module):
    """Amplitudes [B T 1] -> latents [B F D], F = T / 2^levels."""

    width: int = 256
    code_width: int = 64
    levels: int = 6
    normalise: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        for level in range(self.levels):
            x = Conv(self.width, 4, stride=2, padding=1, dtype=self.dtype, name=f"down_{level}")(x)
            x = nn.relu(x)
        bias = not self.normalise
        # In float32: codes tell small differences between latents that may all be large.
        x = Conv(self.code_width, 1, use_bias=bias, precision=HIGHEST, name="latent")(x)
        if self.normalise:
            x = BatchNorm(use_scale=False, use_bias=False, name="norm")(x, train=train)
        return x


class VQVAE(nn.Module):
    """Audio [B T 1] -> (raw parameters of every next sample [B T P], `Quantised` of F = T / 64).

    decoder: a WaveNet whose local_condition is `code_width` and whose upsampling makes up for the
    encoder's 2^levels. codes, moving_average, decay: of the quantiser. speaker [B] int classes.
    """

    decoder: nn.Module
    width: int = 256
    code_width: int = 64
    levels: int = 6
    codes: int = 512
    moving_average: bool = False
    decay: float = 0.99
    normalise: bool = False
    dtype: Any = jnp.float32

    def setup(self) -> None:
        up, wide = math.prod(self.decoder.upsampling), self.decoder.local_condition
        if up != self.hop or wide != self.code_width:
            raise BadInput(
                f"the decoder upsamples {wide} channels by {up}, the codes have "
                f"{self.code_width} and come every {self.hop} samples: make them equal"
            )
        self.encoder = Encoder(self.width, self.code_width, self.levels, self.normalise, self.dtype)
        self.quantizer = Quantizer(self.codes, self.moving_average, self.decay)

    @property
    def hop(self) -> int:
        """Samples a code stands for."""
        return 2**self.levels

    def span(self, codes: int) -> int:
        """Samples of which so many neighbouring codes are made."""
        first, last = input_interval(self._down, 0, codes - 1)
        return last - first + 1

    @property
    def receptive_field(self) -> int:
        """Samples of which one prediction is made: those before it, and the input of its codes."""
        net = self.decoder
        if net.upsampler == "repeat":
            up = [Step(s, s, up=True) for s in net.upsampling]
        else:
            up = [Step(2 * s, s, s // 2, up=True) for s in net.upsampling]
        before = net.receptive_field - 1
        # The first layer sees its codes at the present sample, not at one before it.
        late = before - (net.kernel - 1) * net.dilations[0]
        return conditioned((*self._down, *up), self.hop, before, late)

    @property
    def _down(self) -> tuple[Step, ...]:
        return (Step(4, 2, 1),) * self.levels

    def __call__(
        self,
        audio: jax.Array,
        *,
        past: jax.Array | None = None,
        speaker: jax.Array | None = None,
        train: bool = False,
    ) -> tuple[jax.Array, Quantised]:
        """past: what the decoder reads in place of the audio [B T 1]; the encoder takes audio."""
        found = self.quantise(audio, train=train)
        past = audio if past is None else past
        return self.decoder(past, condition=found.output, speaker=speaker), found

    def quantise(self, audio: jax.Array, *, train: bool = False) -> Quantised:
        """Audio [B T 1], T a multiple of the hop -> latents, codes and their vectors."""
        if audio.shape[1] % self.hop:
            raise BadInput(
                f"audio of {audio.shape[1]} samples is no whole number of codes of {self.hop}: "
                "use a multiple of it"
            )
        latent = self.encoder(self.decoder.distribution.inputs(audio), train=train)
        return self.quantizer(latent, train=train)

    def encode(self, audio: jax.Array) -> jax.Array:
        """Audio [B T 1] -> codes [B F] int32."""
        return self.quantise(audio).codes

    def frames(self, codes: jax.Array) -> jax.Array:
        """Codes [B F] -> what the decoder follows, one frame per sample [B T D]."""
        variables = self.quantizer.variables
        return self.decoder.upsample(self.quantizer.vectors(variables, codes))
