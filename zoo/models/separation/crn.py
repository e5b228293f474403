"""Convolutional recurrent nets: magnitudes (CRN), complex (GCRN) or real spectra of sources.

Ke Tan, DeLiang Wang: "A Convolutional Recurrent Neural Network for Real-Time Speech Enhancement",
Interspeech 2018 (CRN); "Learning Complex Spectral Mapping With Gated Convolutional Recurrent
Networks for Monaural Speech Enhancement", IEEE/ACM TASLP 28, 2020 (GCRN). Layers, spectra and
their inverse as in the authors' code. Both are causal: no frame reads a later one.

kind='real' stands for Yuan Liu, Hui Zhang, Xueliang Zhang, Linju Yang: "Supervised Speech
Enhancement with Real Spectrum Approximation", ICASSP 2019, of which neither text nor code could be
had: a spectrum of real numbers whose signs hold the phase, estimated as it is. Here it is the
discrete cosine transform of every frame, and the net GCRN's with a single decoder: our choice.
Mohit Dubey et al.: "Does Phase Matter For Monaural Source Separation?" (2017) code spectra with
their phase by a sparse generative model of which only the abstract could be had (a mean GSIR of
19.46 for vocals, fewer artefacts with phase than without): it is not here.

Deviations and choices:
- The complex CRN of ICASSP 2019, which GCRN follows, has no code: only the two are here.
- One source is the authors' (speech in noise); of several, each has a net of its own, side by side.
  rest=True: one more source is what the nets leave of the mixture.
- A CRN's estimate takes the phase of the mixture, and where the mixture is zero, it is zero.
- Added frames are divided by the sum of their windows; theirs has these sums in another order,
  which changes samples by up to 0.4 %.
- Audio is filled up to whole hops; theirs cuts the rest and fills the output with zeros.
- Moving variances of batch norm are those of the samples (biased); torch's are unbiased.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv, TransposedConv
from zoo.layers.initializers import torch, torch_recurrent
from zoo.layers.norm import BatchNorm
from zoo.layers.recurrent import LSTM
from zoo.signal import framing, stft

_TAPS, _STRIDE = 3, 2  # of every convolution, along the bins


def bins_by_level(bins: int, depth: int) -> list[int]:
    """Bins at every level of `depth` unpadded convolutions, `bins` first."""
    sizes = [bins]
    for _ in range(depth):
        sizes.append((sizes[-1] - _TAPS) // _STRIDE + 1)
    if sizes[-1] < 1:
        raise BadInput(f"{bins} bins are too few for {depth} levels: use a longer n_fft")
    return sizes


def _with_previous(x: jax.Array) -> jax.Array:
    """Every frame's channels behind those of the frame before, [B F N C] -> [B F N 2C]."""
    before = jnp.pad(x, ((0, 0), (1, 0), (0, 0), (0, 0)))[:, :-1]
    return jnp.concatenate([before, x], -1)


def _over_bins(layer: nn.Module, x: jax.Array) -> jax.Array:
    """A layer of one dimension along the bins of every frame, [B F N C] -> [B F N' C']."""
    y = layer(x.reshape(-1, *x.shape[2:]))
    return y.reshape(*x.shape[:2], *y.shape[1:])


def _sequence(x: jax.Array) -> jax.Array:
    """A frame as one vector, channel after channel, [B F N C] -> [B F C*N]."""
    return x.swapaxes(2, 3).reshape(*x.shape[:2], -1)


def _spectrogram(x: jax.Array, channels: int) -> jax.Array:
    """Inverse of `_sequence`, [B F C*N] -> [B F N C]."""
    return x.reshape(*x.shape[:2], channels, -1).swapaxes(2, 3)


class CRNNet(nn.Module):
    """The net of a CRN, magnitudes [B F N 1] -> magnitudes [B F N 1].

    Convolutions over two frames and three bins, two LSTM layers, and transposed convolutions of
    their output and the encoder's. The first frame of a transposed convolution is zero.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        sizes, skips = bins_by_level(x.shape[2], len(self.widths)), []
        for level, width in enumerate(self.widths, 1):
            paired = _with_previous(x)
            start = torch(_TAPS * paired.shape[-1])
            how = dict(padding="valid", dtype=self.dtype, name=f"down_{level}", **start)
            conv = Conv(width, _TAPS, _STRIDE, **how)
            x = nn.elu(self._norm(f"down_{level}_norm", _over_bins(conv, paired), train))
            skips.append(x)
        y = _sequence(x)
        for layer in range(2):
            start = torch_recurrent(y.shape[-1])
            y, _ = LSTM(y.shape[-1], dtype=self.dtype, name=f"lstm_{layer}", **start)(y)
        x = jnp.concatenate([_spectrogram(y, x.shape[-1]), skips.pop()], -1)
        for level, width in reversed([*enumerate((1, *self.widths[:-1]), 1)]):
            x = self._up(level, width, sizes, x)
            x = self._norm(f"up_{level}_norm", x, train)
            x = nn.elu(jnp.concatenate([x, skips.pop()], -1)) if skips else nn.softplus(x)
        return x.astype(jnp.float32)

    def _up(self, level: int, width: int, sizes: list[int], x: jax.Array) -> jax.Array:
        spare = sizes[level - 1] - ((sizes[level] - 1) * _STRIDE + _TAPS)
        layer = TransposedConv(
            width,
            _TAPS,
            _STRIDE,
            output_padding=spare,
            dtype=self.dtype,
            name=f"up_{level}",
            **torch(2 * _TAPS * width),
        )
        y = _over_bins(layer, _with_previous(x))
        return y * (jnp.arange(y.shape[1]) > 0)[:, None, None].astype(y.dtype)

    def _norm(self, name: str, x: jax.Array, train: bool) -> jax.Array:
        return BatchNorm(dtype=self.dtype, name=name)(x, train=train)


class GroupedLSTM(nn.Module):
    """Two LSTM layers of `groups` separate parts, [B F D] -> [B F D], each layer normalised.

    What the parts of the first give is interleaved, so that each part of the second sees all.
    """

    groups: int = 2
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if x.shape[-1] % self.groups:
            raise BadInput(f"{x.shape[-1]} features are not of {self.groups} groups")
        for layer in range(2):
            parts = jnp.split(x, self.groups, -1)
            outputs = [self._lstm(f"lstm_{layer}_{g}", part) for g, part in enumerate(parts)]
            joined = jnp.stack(outputs, -1 if layer == 0 else -2)
            x = joined.reshape(x.shape)
            x = nn.LayerNorm(epsilon=1e-5, dtype=self.dtype, name=f"norm_{layer}")(x)
        return x

    def _lstm(self, name: str, x: jax.Array) -> jax.Array:
        width = x.shape[-1]
        return LSTM(width, dtype=self.dtype, name=name, **torch_recurrent(width))(x)[0]


class GCRNNet(nn.Module):
    """The net of a GCRN, real and imaginary parts [B F N 2] -> real and imaginary parts [B F N 2].

    Gated convolutions over three bins, a grouped LSTM, and a decoder for each part, whose last
    layer is dense over the bins. parts: ('real',) for spectra of real numbers alone, [B F N 1].
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    groups: int = 2
    parts: tuple[str, ...] = ("real", "imaginary")
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        sizes, skips = bins_by_level(x.shape[2], len(self.widths)), []
        for level, width in enumerate(self.widths, 1):
            x = self._down(level, width, x)
            x = nn.elu(self._norm(f"down_{level}_norm", x, train))
            skips.append(x)
        lstm = GroupedLSTM(self.groups, self.dtype, name="recurrent")
        y = _spectrogram(lstm(_sequence(x)), x.shape[-1])
        y = jnp.concatenate([y, x], -1)
        parts = [self._decoded(name, y, skips[:-1], sizes, train) for name in self.parts]
        return jnp.stack(parts, -1).astype(jnp.float32)

    def _decoded(
        self, name: str, x: jax.Array, skips: list[jax.Array], sizes: list[int], train: bool
    ) -> jax.Array:
        """[B F n C] -> one part, [B F N]."""
        skips = list(skips)
        for level, width in reversed([*enumerate((1, *self.widths[:-1]), 1)]):
            spare = sizes[level - 1] - ((sizes[level] - 1) * _STRIDE + _TAPS)
            x = self._up(f"{name}_{level}", width, spare, x)
            x = self._norm(f"{name}_{level}_norm", x, train)
            x = nn.elu(jnp.concatenate([x, skips.pop()], -1) if skips else x)
        start = torch(sizes[0])
        return nn.Dense(sizes[0], dtype=self.dtype, name=f"{name}_dense", **start)(x[..., 0])

    def _down(self, level: int, width: int, x: jax.Array) -> jax.Array:
        how = dict(padding="valid", dtype=self.dtype, **torch(_TAPS * x.shape[-1]))
        value = _over_bins(Conv(width, _TAPS, _STRIDE, name=f"down_{level}", **how), x)
        gate = _over_bins(Conv(width, _TAPS, _STRIDE, name=f"down_{level}_gate", **how), x)
        return value * nn.sigmoid(gate)

    def _up(self, name: str, width: int, spare: int, x: jax.Array) -> jax.Array:
        how = dict(output_padding=spare, dtype=self.dtype, **torch(_TAPS * width))
        value = _over_bins(TransposedConv(width, _TAPS, _STRIDE, name=name, **how), x)
        gate = _over_bins(TransposedConv(width, _TAPS, _STRIDE, name=f"{name}_gate", **how), x)
        return value * nn.sigmoid(gate)

    def _norm(self, name: str, x: jax.Array, train: bool) -> jax.Array:
        return BatchNorm(dtype=self.dtype, name=name)(x, train=train)


class CRN(nn.Module):
    """CRN ('magnitude') or GCRN ('complex', 'real') from audio to audio, [B T 1] -> [B T S 1].

    n_fft, hop: in samples, 20 and 10 ms at 16 kHz. nets: sources with a net of their own. rest: one
    more source is what these leave of the mixture, so that all sum to it. groups: of GCRN's LSTM.
    """

    nets: int = 1
    rest: bool = False
    kind: Literal["magnitude", "complex", "real"] = "complex"
    n_fft: int = 320
    hop: int = 160
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    groups: int = 2
    dtype: Any = jnp.float32

    receptive_field = math.inf  # of the LSTMs

    def setup(self) -> None:
        if self.kind not in ("magnitude", "complex", "real"):
            raise BadInput(f"kind={self.kind}: choose magnitude, complex or real")
        one: nn.Module = CRNNet(self.widths, self.dtype)
        if self.kind != "magnitude":
            parts = ("real", "imaginary") if self.kind == "complex" else ("real",)
            one = GCRNNet(self.widths, self.groups, parts, self.dtype)
        self.net = [one.clone() for _ in range(self.nets)]

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.ndim != 3 or x.shape[-1] != 1:
            raise BadInput(f"this net takes mono audio [B T 1], not {x.shape}")
        spectrum = self.spectrum(x)
        estimates = self._estimates(spectrum, train)[..., 0]
        if self.kind == "complex":
            stems = stft.of_parts(estimates)
        elif self.kind == "real":
            stems = estimates
        else:
            size = jnp.abs(spectrum)
            stems = estimates * (spectrum / jnp.where(size > 0, size, 1.0))
        y = self.audio(stems, x.shape[1])
        y = jnp.concatenate([y, x - y.sum(-1, keepdims=True)], -1) if self.rest else y
        return y[..., None]

    def estimates(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """What the nets find in the mixture, [B T 1] -> [B F N S 1], or parts [B F 2N S 1]."""
        return self._estimates(self.spectrum(x), train)

    def targets(self, stems: jax.Array) -> jax.Array:
        """The same of given sources, [B T S 1] -> [B F N nets 1], or parts [B F 2N nets 1]."""
        spectrum = self.spectrum(stems[:, :, : self.nets, 0])
        if self.kind == "complex":
            return stft.real_and_imaginary(spectrum)[..., None]
        return (spectrum if self.kind == "real" else jnp.abs(spectrum))[..., None]

    def spectrum(self, x: jax.Array) -> jax.Array:
        """Spectra of frames centred on whole hops, [B T C] -> [B F N C] complex64, or float32."""
        pad = framing.centre_padding(x.shape[1], self.n_fft, self.hop)
        frames = framing.frame(jnp.pad(x, ((0, 0), pad, (0, 0))), self.n_fft, self.hop)
        frames = frames * self._window()[:, None]
        if self.kind == "real":
            return jax.scipy.fft.dct(frames, axis=2, norm="ortho")
        return jnp.fft.rfft(frames, axis=2)

    def audio(self, spectrum: jax.Array, length: int) -> jax.Array:
        """Frames added, over the sum of their windows, [B F N C] -> [B T C] float32."""
        if self.kind == "real":
            frames = jax.scipy.fft.idct(spectrum, axis=2, norm="ortho")
        else:
            frames = jnp.fft.irfft(spectrum, self.n_fft, axis=2)
        windows = jnp.broadcast_to(self._window()[:, None], (1, *frames.shape[1:3], 1))
        x = framing.overlap_add(frames, self.hop) / framing.overlap_add(windows, self.hop)
        before, _ = framing.centre_padding(length, self.n_fft, self.hop)
        return x[:, before : before + length]

    def _window(self) -> jax.Array:
        window = stft.window("hamming", self.n_fft, periodic=False)  # symmetric, as theirs
        return jnp.asarray(window, jnp.float32)

    def _estimates(self, spectrum: jax.Array, train: bool) -> jax.Array:
        """Spectra [B F N 1] -> what the nets give, [B F N S 1], or parts [B F 2N S 1]."""
        if self.kind != "complex":
            given = spectrum if self.kind == "real" else jnp.abs(spectrum)
            return jnp.stack([net(given, train=train) for net in self.net], 3)
        given = jnp.concatenate([spectrum.real, spectrum.imag], -1)
        found = [net(given, train=train) for net in self.net]
        joined = [jnp.concatenate([y[..., 0], y[..., 1]], 2) for y in found]
        return jnp.stack(joined, 3)[..., None]
