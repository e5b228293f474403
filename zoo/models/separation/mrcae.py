"""Multi-resolution convolutional autoencoder: a voice from samples, by filters of five lengths.

Emad M. Grais, Dominic Ward, Mark D. Plumbley: "Raw Multi-Channel Audio Source Separation using
Multi-Resolution Convolutional Auto-Encoders", EUSIPCO 2018 (arXiv 1803.00702): segments of 1,025
samples, filters of 5, 50, 256, 512 and 1,025 samples side by side in every layer, each set under a
batch norm, ELU; a decoder of transposed convolutions. No code is public.

Deviations and choices (beyond its first page the text, and its table of layers, was not at hand):
- How many layers there are, and how many filters in a set, is ours: 20 and 10, mirrored.
- Nothing is strided or pooled, so that sets of all lengths give as many frames.
- The last layer mirrors the first: what its sets give is summed, without a norm, linear.
- The second source is what the first leaves of the mixture, as in the authors' examples.
- Filters of one layer are applied together through the FFT: a thirtieth of the products.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import scipy.fft

from zoo.errors import BadInput
from zoo.layers.initializers import GLOROT
from zoo.layers.norm import BatchNorm
from zoo.layers.receptive_field import same_padded, total_receptive_field
from zoo.signal.precision import HIGHEST

LENGTHS = (5, 50, 256, 512, 1025)


class FilterSets(nn.Module):
    """Filters of several lengths side by side, [B T C] -> [B T sets*features], zeros outside.

    transposed: those of a transposed convolution of stride one, whose taps lie in reverse. summed:
    the sets' outputs are added, [B T features].
    """

    features: int
    lengths: tuple[int, ...] = LENGTHS
    transposed: bool = False
    summed: bool = False
    precision: Any = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        span = max(self.lengths)
        kernels = [self._kernel(length, x.shape[-1], span) for length in self.lengths]
        kernel = jnp.stack(kernels).sum(0) if self.summed else jnp.concatenate(kernels, -1)
        y = _correlate(x, kernel, self._before(span), self.dtype, self.precision)
        bias = self.param("bias", nn.initializers.zeros, y.shape[-1:])
        return y + bias.astype(self.dtype)

    def _before(self, length: int) -> int:
        """Samples of a filter that lie before the one it answers; the odd one lies behind."""
        return length // 2 if self.transposed else (length - 1) // 2

    def _kernel(self, length: int, width: int, span: int) -> jax.Array:
        """A set's filters [span C features], with zeros around them."""
        kernel = self.param(f"kernel_{length}", GLOROT, (length, width, self.features))
        before = self._before(span) - self._before(length)
        kernel = kernel[::-1] if self.transposed else kernel
        return jnp.pad(kernel, ((before, span - length - before), (0, 0), (0, 0)))


def _correlate(
    x: jax.Array, kernel: jax.Array, before: int, dtype: Any, precision: Any = None
) -> jax.Array:
    """Correlates [B T C] with [k C C'] -> [B T C']; y[t] = sum_j x[t + j - before] w[j].

    Through the FFT. dtype, precision: of the products of every bin.
    """
    length, taps = x.shape[1], kernel.shape[0]
    size = scipy.fft.next_fast_len(length + taps - 1, real=True)
    a = jnp.fft.rfft(x.astype(jnp.float32), size, axis=1).swapaxes(0, 1)
    b = jnp.fft.rfft(kernel.astype(jnp.float32), size, axis=0).conj()
    both = jnp.concatenate([a.real, a.imag], -1).astype(dtype)
    rows = [jnp.concatenate([b.real, b.imag], -1), jnp.concatenate([-b.imag, b.real], -1)]
    product = jnp.matmul(both, jnp.concatenate(rows, 1).astype(dtype), precision=precision)
    real, imaginary = jnp.split(product.astype(jnp.float32), 2, -1)
    y = jnp.fft.irfft(jax.lax.complex(real, imaginary).swapaxes(0, 1), size, axis=1)
    return jnp.roll(y, before, 1)[:, :length].astype(dtype)


class MRCAE(nn.Module):
    """The autoencoder from audio to audio, mixture [B T C] -> target and the rest [B T 2 C].

    T: the paper's is 1,025. filters: of every set, in every layer of the encoder.
    """

    lengths: tuple[int, ...] = LENGTHS
    filters: tuple[int, ...] = (20, 10)
    channels: int = 2
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> int:
        """Samples of the mixture of which one is made, where the input is as long."""
        return total_receptive_field([same_padded(max(self.lengths))] * 2 * len(self.filters))

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.ndim != 3 or x.shape[-1] != self.channels:
            raise BadInput(f"this autoencoder takes [B T {self.channels}], not {x.shape}")
        y = x
        for layer, features in enumerate(self.filters, 1):
            y = self._layer(f"encoder_{layer}", features, False, y, train)
        for layer, features in reversed([*enumerate(self.filters[:-1], 2)]):
            y = self._layer(f"decoder_{layer}", features, True, y, train)
        y = FilterSets(  # float32: the rounding of bfloat16 is a hiss
            self.channels, self.lengths, True, summed=True, precision=HIGHEST, name="decoder_1"
        )(y)
        return jnp.stack([y, x - y], 2)

    def _layer(
        self, name: str, features: int, transposed: bool, x: jax.Array, train: bool
    ) -> jax.Array:
        sets = FilterSets(features, self.lengths, transposed, dtype=self.dtype, name=name)
        y = BatchNorm(epsilon=1e-3, momentum=0.99, dtype=self.dtype, name=f"{name}_norm")(
            sets(x), train=train
        )
        return nn.elu(y)
