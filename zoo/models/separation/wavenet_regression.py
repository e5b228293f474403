"""A WaveNet that regresses sources from the mixture: dilated, not causal, without sampling.

Francesc Lluís, Jordi Pons, Xavier Serra: "End-to-end music source separation: is it possible in the
waveform domain?", Interspeech 2019, arXiv 1810.12187; sizes, padding and losses as in the authors'
code (Keras). 9,785 samples of 16 kHz give the 1,601 in their middle, the target field.

Deviations and choices:
- The authors compute all 9,785 positions in every layer; here each layer computes those that the
  target field depends on, 64 % of them, with the same result.
- In training the output has one sample more on either side, as theirs; for use it is cut off.
- Keras' 'same' convolutions put zeros around the features, within the segment: the outermost
  samples of a target field depend on where the segment was cut. That is kept.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

from zoo.errors import BadInput
from zoo.layers.conv import Conv, convolve
from zoo.layers.gated import gated_tanh
from zoo.layers.initializers import GLOROT
from zoo.signal.framing import crop
from zoo.signal.precision import HIGHEST

PADDING = 1  # samples a side that are learnt beyond the target field; features end there in zeros


class Outputs(nn.Module):
    """A 1x1 convolution, [B T C] -> (residual [B T C], skip [B T' S] of the middle)."""

    skip: int
    length: int  # T'
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        width = x.shape[-1]
        kernel = self.param("kernel", GLOROT, (1, width, width + self.skip))
        x, kernel = promote_dtype(x, kernel, dtype=self.dtype)
        skip = convolve(crop(x, self.length), kernel[:, :, width:])
        return convolve(x, kernel[:, :, :width]), skip


class WavenetRegression(nn.Module):
    """Sources of the middle of a mixture, [B T 1] -> [B T-8184 S 1]; in training 2 samples more.

    Dilations 1, 2, ... 2 ** (layers - 1), in `stacks` rounds. remainder: the mixture less the sum
    of the sources becomes a further source, as the authors' accompaniment.
    """

    sources: int = 3
    width: int = 64  # of the residual path, and of the gates
    skip: int = 64
    stacks: int = 4
    layers: int = 10
    final: tuple[int, int] = (2048, 256)
    remainder: bool = False
    dtype: Any = jnp.float32

    @property
    def context(self) -> int:
        """Samples by which the output is shorter than the input."""
        return 2 * self.stacks * (2**self.layers - 1)

    @property
    def receptive_field(self) -> int:
        """Samples of which one is made: the context, and the three plain convolutions of three."""
        return self.context + 7

    def input_length(self, wanted: int) -> int:
        """Samples to give for a target field of `wanted`."""
        return wanted + self.context

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.ndim != 3 or x.shape[-1] != 1:
            raise BadInput(f"this WaveNet takes [B T 1], not {x.shape}")
        field = x.shape[1] - self.context
        if field < 1:
            raise BadInput(f"{x.shape[1]:,} samples are too few: give {self.context + 1:,} or more")
        y = self._predicted(self._skips(x, field + 2 * PADDING))
        if self.remainder:
            wide = jnp.pad(x, ((0, 0), (PADDING, PADDING), (0, 0)))
            y = jnp.concatenate([y, crop(wide, y.shape[1]) - y.sum(-1, keepdims=True)], -1)
        return (y if train else crop(y, field))[..., None]

    def _skips(self, x: jax.Array, length: int) -> jax.Array:
        """Sum of all layers' skip outputs, [B T 1] -> [B length S]."""
        h = self._conv(self.width, "initial")(x)
        self.sow("intermediates", "initial", h)
        h = jnp.pad(h, ((0, 0), (PADDING, PADDING), (0, 0)))
        total = jnp.zeros((), h.dtype)
        for number in range(self.stacks * self.layers):
            dilation = 2 ** (number % self.layers)
            name = f"block_{number}"
            z = gated_tanh(self._conv(2 * self.width, f"{name}_dilated", dilation, "valid")(h))
            outputs = Outputs(self.skip, length, self.dtype, name=f"{name}_outputs")
            residual, skip = outputs(z)
            h, total = crop(h, z.shape[1]) + residual, total + skip
        return total

    def _predicted(self, total: jax.Array) -> jax.Array:
        y = self._conv(self.final[0], "final_1")(nn.relu(total))
        y = self._conv(self.final[1], "final_2")(nn.relu(y))
        return Conv(self.sources, 1, kernel_init=GLOROT, precision=HIGHEST, name="output")(
            y.astype(jnp.float32)
        )

    def _conv(self, width: int, name: str, dilation: int = 1, padding: str = "same") -> Conv:
        return Conv(
            width,
            3,
            dilation=dilation,
            padding=padding,
            use_bias=False,
            kernel_init=GLOROT,
            dtype=self.dtype,
            name=name,
        )
