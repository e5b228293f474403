"""Open-Unmix: a magnitude per source from bidirectional LSTMs, and a multichannel Wiener filter.

Fabian-Robert Stöter, Stefan Uhlich, Antoine Liutkus, Yuki Mitsufuji: "Open-Unmix - A Reference
Implementation for Music Source Separation", JOSS 4(41), 2019; sizes and training as in its code.

Deviations and choices:
- The nets of all sources stand side by side and learn together, theirs in a training of each.
- The first values of `input_mean` and `input_scale`, which are learnt, are of a pass over crops of
  the training songs (`with_statistics`); theirs of a pass over whole songs.
- The covariance that the Wiener filter inverts has a ridge (zoo/signal/wiener.py).
- Moving variances of batch norm are those of the samples (biased); torch's are unbiased.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.layers.initializers import fan_uniform, torch_recurrent
from zoo.layers.norm import BatchNorm
from zoo.layers.product import project_last
from zoo.layers.recurrent import LSTM
from zoo.signal import stft
from zoo.signal.wiener import wiener_filter

_FLOOR = 1e-4  # of the largest deviation, below which a bin's is not divided by


class SourceNet(nn.Module):
    """The net of one source, magnitudes of the mixture [B F N C] -> of the source, [B F N C].

    It sees the lowest `bins` bins, and answers for all.
    """

    bins: int
    hidden: int = 512
    layers: int = 3
    bidirectional: bool = True
    dropout: float = 0.4  # between LSTM layers
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        batch, frames, all_bins, channels = x.shape
        x = x.swapaxes(2, 3)  # gradients are sums over all but the bins: fast where these are last
        y = self._standard(x[..., : self.bins]).reshape(batch, frames, -1)
        y = self._dense(self.hidden, "dense_1", y, train)
        y = first = nn.tanh(y)
        width = self.hidden // 2 if self.bidirectional else self.hidden
        for layer in range(self.layers):
            if layer:
                y = nn.Dropout(self.dropout, deterministic=not train)(y)
            y, _ = LSTM(
                width,
                bidirectional=self.bidirectional,
                **torch_recurrent(width),
                dtype=self.dtype,
                name=f"lstm_{layer}",
            )(y)
        y = nn.relu(self._dense(self.hidden, "dense_2", jnp.concatenate([first, y], -1), train))
        y = self._dense(channels * all_bins, "dense_3", y, train).astype(jnp.float32)
        y = y.reshape(batch, frames, channels, all_bins)
        scale = self.param("output_scale", nn.initializers.ones, (all_bins,))
        mean = self.param("output_mean", nn.initializers.ones, (all_bins,))
        return (nn.relu(y * scale + mean) * x).swapaxes(2, 3)

    def _standard(self, x: jax.Array) -> jax.Array:
        """Bins of [B F C N] less mean, over deviation: those of the first batch, learnt."""
        mean = self.param("input_mean", lambda _: -x.mean((0, 1, 2)))
        scale = self.param("input_scale", lambda _: 1 / bin_deviations(x.swapaxes(2, 3)))
        return (x + mean) * scale

    def _dense(self, width: int, name: str, x: jax.Array, train: bool) -> jax.Array:
        x = nn.Dense(
            width,
            use_bias=False,
            kernel_init=fan_uniform(x.shape[-1]),
            dot_general=project_last,
            dtype=self.dtype,
            name=name,
        )(x)
        return BatchNorm(dtype=self.dtype, name=f"{name}_norm")(x, train=train)


def bin_deviations(magnitudes: jax.Array) -> jax.Array:
    """Standard deviation of each bin's mean over channels, [B F N C] -> [N], with a floor."""
    return _floored(magnitudes.mean(3).std((0, 1)))


def _floored(deviation: jax.Array) -> jax.Array:
    """Deviations [N] that may be divided by, same shape."""
    most = deviation.max()
    return jnp.where(most > 0, jnp.maximum(deviation, _FLOOR * most), 1.0)


class OpenUnmix(nn.Module):
    """Open-Unmix from audio to audio, [B T C] -> [B T S C].

    The fields are those of its published nets of 2019 (UMX, UMXHQ), which see 16 kHz; UMXL has
    hidden=1024. iterations: of the Wiener filter, each `window` frames by themselves; 0 takes the
    mixture's phase. softmask: its first estimates are shares of the mixture.
    """

    sources: int = 4
    channels: int = 2
    n_fft: int = 4096
    hop: int = 1024
    bins: int = 1487
    hidden: int = 512
    layers: int = 3
    bidirectional: bool = True
    dropout: float = 0.4
    iterations: int = 1
    window: int = 300
    softmask: bool = False
    dtype: Any = jnp.float32

    receptive_field = math.inf  # of the LSTMs

    def setup(self) -> None:
        if self.bins > self.n_fft // 2 + 1:
            raise BadInput(f"bins={self.bins}: n_fft={self.n_fft} has {self.n_fft // 2 + 1}")
        if self.sources == 1 and self.iterations:
            raise BadInput("a Wiener filter of one source gives the mixture: iterations=0")
        self.nets = [
            SourceNet(
                self.bins, self.hidden, self.layers, self.bidirectional, self.dropout, self.dtype
            )
            for _ in range(self.sources)
        ]

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.ndim != 3 or x.shape[-1] != self.channels:
            raise BadInput(f"this Open-Unmix takes [B T {self.channels}], not {x.shape}")
        spectrum = self.spectrum(x)
        stems = wiener_filter(
            self._estimates(jnp.abs(spectrum), train),
            spectrum,
            iterations=self.iterations,
            window=self.window,
            softmask=self.softmask,
        )
        stems = stems.reshape(*spectrum.shape[:3], -1)
        y = stft.istft(stems, self.n_fft, self.hop, centre=True, length=x.shape[1])
        return y.reshape(*x.shape[:2], self.sources, self.channels)

    def spectrum(self, x: jax.Array) -> jax.Array:
        """STFT of the reflected audio, [B T C] -> [B F N C] complex64."""
        return stft.stft(x, self.n_fft, self.hop, centre=True, pad_mode="reflect")

    def estimates(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Every net's estimate, [B T C] -> [B F N S C]: what training compares."""
        return self._estimates(jnp.abs(self.spectrum(x)), train)

    def targets(self, stems: jax.Array) -> jax.Array:
        """Magnitudes of given sources, [B T S C] -> [B F N S C]."""
        magnitude = jnp.abs(self.spectrum(stems.reshape(*stems.shape[:2], -1)))
        return magnitude.reshape(*magnitude.shape[:3], *stems.shape[2:])

    def with_statistics(self, params: Any, mean: np.ndarray, deviation: np.ndarray) -> Any:
        """The parameters, whose nets begin with statistics [N] of the training split's mixtures."""
        first = {
            "input_mean": jnp.asarray(-mean[: self.bins], jnp.float32),
            "input_scale": 1 / _floored(jnp.asarray(deviation[: self.bins], jnp.float32)),
        }
        return {name: {**net, **first} for name, net in params.items()}

    def _estimates(self, magnitude: jax.Array, train: bool) -> jax.Array:
        return jnp.stack([net(magnitude, train=train) for net in self.nets], 3)
