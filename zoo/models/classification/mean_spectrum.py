"""A perceptron on the mean spectrum of a clip: neural music classification as it began.

Benyamin Matityaho, Miriam Furst: "Neural network based model for classification of music type",
18th Convention of Electrical and Electronics Engineers in Israel, 1995: classical music or pop, by
a multi-layer perceptron on averaged magnitude spectra.

Deviations and guesses: its sizes, data and scores are nowhere to be had, and no number is claimed.
Ours are windows of 64 ms, half of it apart, the logarithm of the mean magnitude, standardised over
the batches of training, and one layer of 64 sigmoid units, which start as LeCun et al. (1998) have
it. The output is logits for as many tags as there are.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.norm import BatchNorm
from zoo.signal import stft

_FLOOR = 1e-5  # under the logarithm: the spectrum of silence


class MeanSpectrum(nn.Module):
    """Tags of a clip, [B T C] -> logits [B K]; channels are averaged, T >= n_fft.

    Apply with mutable=["intermediates"] to see 'penultimate' [B D].
    """

    labels: int = 2
    n_fft: int = 1024
    samples: int = 48_000
    hidden: int = 64
    dtype: Any = jnp.float32

    receptive_field = math.inf  # a mean over time

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.shape[1] < self.n_fft:
            raise BadInput(f"{x.shape[1]} samples: this model takes {self.n_fft} or more")
        spectrum = stft.stft(x.mean(2, keepdims=True), self.n_fft, self.n_fft // 2, centre=False)
        level = jnp.log(stft.magnitude(spectrum)[..., 0].mean(1) + _FLOOR)
        norm = BatchNorm(use_scale=False, use_bias=False, dtype=self.dtype, name="standardise")
        x = norm(level, train=train)
        x = nn.sigmoid(nn.Dense(self.hidden, dtype=self.dtype, name="hidden")(x))
        self.sow("intermediates", "penultimate", x)
        return nn.Dense(self.labels, dtype=self.dtype, name="top")(x).astype(jnp.float32)
