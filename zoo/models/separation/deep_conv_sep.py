"""DeepConvSep: soft masks of four sources from a small convolutional autoencoder.

Pritish Chandna, Marius Miron, Jordi Janer, Emilia Gómez: "Monoaural Audio Source Separation Using
Deep Convolutional Neural Networks", LVA/ICA 2017; sizes, spectra and cross-fades as in the authors'
code (DSD100).

Deviations and choices:
- In the authors' code the fourth source reads the third dense layer of the others: heads=3 is what
  they trained (source four repeats source two's layer), heads=4 what the paper draws.
- What is added to the outputs before they are divided is a constant, not noise drawn once.
- Spectra are windowed by a periodic Blackman-Harris window, theirs by a symmetric one.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.layers.initializers import GLOROT
from zoo.signal import framing, stft

_WINDOW = "blackmanharris"
_TINY = 1e-8  # added to every output, so that silence is shared equally
_SHARED = (0, 1, 2, 1)  # the dense layer of each of four sources where there are three


class ConvAutoencoder(nn.Module):
    """The net, magnitudes of the mixture [B F N] -> of S sources [B F N S], not yet masks.

    A convolution over all bins, one over half of the frames, a dense layer, and for every source a
    dense layer and both convolutions transposed, with the same weights.
    """

    sources: int = 4
    heads: int = 4
    filters: int = 50
    hidden: int = 128
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        batch, frames, bins = x.shape
        taps, width = frames // 2, self.filters
        over_bins = self.param("bins_kernel", GLOROT, (bins, 1, width))[:, 0]
        over_frames = self.param("frames_kernel", GLOROT, (taps, width, width))
        over_bins, over_frames = over_bins.astype(self.dtype), over_frames.astype(self.dtype)
        y = self._biased("bins", x.astype(self.dtype) @ over_bins)
        shifted = [y[:, i : i + frames - taps + 1] @ over_frames[i] for i in range(taps)]
        y = self._biased("frames", jnp.stack(shifted).sum(0)).reshape(batch, -1)
        y = nn.relu(self._dense(self.hidden, "hidden", y))
        size = (frames - taps + 1) * width
        heads = [nn.relu(self._dense(size, f"head_{i}", y)) for i in range(self.heads)]
        order = range(self.sources) if self.heads == self.sources else _SHARED
        found = [self._undone(heads[i], over_frames, over_bins) for i in order]
        bias = self.param("output_bias", nn.initializers.zeros, (self.sources,))
        return nn.relu(jnp.stack(found, -1).astype(jnp.float32) + bias)

    def _undone(self, y: jax.Array, over_frames: jax.Array, over_bins: jax.Array) -> jax.Array:
        """[B F'*D] -> [B F N] by the transposes of both convolutions."""
        taps, width = over_frames.shape[:2]
        y = y.reshape(len(y), -1, width)
        pads = [((0, 0), (i, taps - 1 - i), (0, 0)) for i in range(taps)]
        shifted = [jnp.pad(y @ over_frames[i].T, pad) for i, pad in enumerate(pads)]
        return jnp.stack(shifted).sum(0) @ over_bins.T

    def _biased(self, name: str, x: jax.Array) -> jax.Array:
        """With two biases one on the other, as the authors' convolution and BiasLayer have."""
        for number in (1, 2):
            bias = self.param(f"{name}_bias_{number}", nn.initializers.zeros, x.shape[-1:])
            x = x + bias.astype(self.dtype)
        return x

    def _dense(self, features: int, name: str, x: jax.Array) -> jax.Array:
        return nn.Dense(features, kernel_init=GLOROT, dtype=self.dtype, name=name)(x)


class DeepConvSep(nn.Module):
    """DeepConvSep from audio to audio, [B T 1] -> [B T S 1]; the sources sum to the mixture.

    The net reads `frames` frames at a time, `overlap` of which are cross-faded with those before.
    scale: of magnitudes, which are over sqrt(n_fft).
    """

    sources: int = 4
    heads: int = 4
    n_fft: int = 1024
    hop: int = 512
    frames: int = 30
    overlap: int = 25
    filters: int = 50
    hidden: int = 128
    scale: float = 0.3
    dtype: Any = jnp.float32

    def setup(self) -> None:
        if self.heads != self.sources and (self.heads, self.sources) != (3, 4):
            raise BadInput(f"heads={self.heads}: choose {self.sources}, or 3 of 4 sources")
        if not 0 <= self.overlap < self.frames:
            raise BadInput(f"overlap={self.overlap}: choose less than frames={self.frames}")
        how = (self.sources, self.heads, self.filters, self.hidden, self.dtype)
        self.net = ConvAutoencoder(*how)

    @property
    def receptive_field(self) -> int:
        """Samples of which one sample is made, by all pieces that its frames lie in."""
        around = -(-(self.n_fft - 1) // self.hop)
        return framing.frames_span(around - 1 + 2 * self.frames - 1, self.n_fft - 1, self.hop)

    def crop(self) -> int:
        """Samples whose spectrogram has exactly `frames` whole frames: what to train on."""
        return framing.frames_span(self.frames, self.n_fft, self.hop)

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.ndim != 3 or x.shape[-1] != 1:
            raise BadInput(f"this net takes mono audio [B T 1], not {x.shape}")
        pad = framing.centre_padding(x.shape[1], self.n_fft, self.hop)
        spectrum = self._spectrum(x, pad)
        y = stft.istft(
            spectrum * self._masks(self._scaled(spectrum)),
            self.n_fft,
            self.hop,
            centre=False,
            pad=pad,
            length=x.shape[1],
            window_name=_WINDOW,
        )
        return y[..., None]

    def estimates(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Masks times the magnitudes, [B T 1] -> [B F N S 1]: what training compares."""
        magnitude = self._scaled(self._spectrum(x))
        return (self._masks(magnitude) * magnitude)[..., None]

    def targets(self, stems: jax.Array) -> jax.Array:
        """Magnitudes of given sources, [B T S 1] -> [B F N S 1]."""
        return self._scaled(self._spectrum(stems[..., 0]))[..., None]

    def _spectrum(self, x: jax.Array, pad: tuple[int, int] = (0, 0)) -> jax.Array:
        return stft.stft(x, self.n_fft, self.hop, centre=False, pad=pad, window_name=_WINDOW)

    def _scaled(self, spectrum: jax.Array) -> jax.Array:
        return jnp.abs(spectrum) * np.float32(self.scale / np.sqrt(self.n_fft))

    def _masks(self, magnitude: jax.Array) -> jax.Array:
        """Shares of the sources, [B F N 1] -> [B F N S], of overlapping pieces."""
        batch, count, bins, _ = magnitude.shape
        step = self.frames - self.overlap
        pieces = max(-(-(count - self.frames) // step), 0) + 1
        spare = framing.frames_span(pieces, self.frames, step) - count
        x = jnp.pad(magnitude[..., 0], ((0, 0), (0, spare), (0, 0)))
        x = framing.frame(x, self.frames, step)
        y = self.net(x.reshape(-1, self.frames, bins)) + _TINY  # [B*P F N S]
        y = (y / y.sum(-1, keepdims=True)).reshape(batch, pieces, self.frames, bins * self.sources)
        y = y * fades(pieces, self.frames, self.overlap)[..., None]
        y = framing.overlap_add(y, step)[:, :count]
        return y.reshape(batch, count, bins, self.sources)


def fades(pieces: int, frames: int, overlap: int) -> np.ndarray:
    """Weights of pieces that fade in over what was there before, one after the other -> [P F].

    Of every frame they sum to one.
    """
    step = frames - overlap
    ramp = np.concatenate([np.linspace(0.0, 1.0, overlap), np.ones(step)])
    weights = np.tile(ramp, (pieces, 1))
    weights[0] = 1.0
    for piece in range(pieces):
        for later in range(1, min(pieces - 1 - piece, (frames - 1) // step) + 1):
            start = later * step
            weights[piece, start:] *= 1 - ramp[: frames - start]
    return weights.astype(np.float32)
