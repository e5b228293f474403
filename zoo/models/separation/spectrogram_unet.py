"""U-Net on spectrograms: a mask per source, from audio to audio.

Andreas Jansson, Eric Humphrey, Nicola Montecchio, Rachel Bittner, Aparna Kumar, Tillman Weyde:
"Singing Voice Separation with Deep U-Net Convolutional Networks", ISMIR 2017; and the layout of
Romain Hennequin, Anis Khlif, Felix Voituret, Manuel Moussallam: "Spleeter", JOSS 2020.

Deviations and guesses:
- Jansson's input is log(1 + magnitude), as in the Wave-U-Net authors' port; the paper scales each
  song to [0, 1], which a segment of a song cannot know.
- Jansson's batch norms have offsets only, which gives the 9.82 million parameters of the port; its
  moving averages have TensorFlow 1's decay of 0.999, and it trains on whole frames (`crop`).
- The bin at half the sample rate, which the net does not see, gets Jansson's `beyond` = 0.5.
- Audio is padded to whole hops; Spleeter leaves what lies behind the last one to its last frame.
- Spleeter's published batch norms hold the statistics 0 and 1; here training moves them.
"""

from __future__ import annotations

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv2d import Conv2D, TransposedConv2D
from zoo.layers.initializers import GLOROT, HE, HE_TRANSPOSED, Initializer
from zoo.layers.norm import BatchNorm
from zoo.layers.receptive_field import Step, input_interval, same_padded
from zoo.signal import framing, stft

_Layout = Literal["jansson", "spleeter"]
PADS = (1, 2)  # around a kernel of five at stride two: TensorFlow's 'same'
_TINY = 1e-10  # of Spleeter's ratio masks: silence is shared equally
SPLEETER = {  # fields of the published model of two stems
    "sources": 2,
    "channels": 2,
    "n_fft": 4096,
    "hop": 1024,
    "bins": 1024,
    "frames": 512,
    "layout": "spleeter",
    "masks": "ratio",
    "beyond": 0.0,
    "momentum": 0.99,
    "centred": True,
}


class MaskUNet(nn.Module):
    """The net of one source, magnitudes [B F N C] -> what share of them is its own, [B F N C].

    F and N are multiples of 2 ** len(widths). Layout 'jansson': convolution, batch norm (offset
    only), leaky ReLU, and skips of the result. 'spleeter': skips of the convolutions themselves, so
    that the last batch norm has no effect; ReLU before batch norm on the way up; and a further,
    dilated convolution at the end.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    layout: _Layout = "jansson"
    kernel_size: int = 5
    dropout: float = 0.5  # of the first three layers on the way up
    momentum: float = 0.99
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        channels, skips, spleeter = x.shape[-1], [], self.layout == "spleeter"
        for level, features in enumerate(self.widths, 1):
            raw = self._down(features, f"down_{level}")(x)
            x = nn.leaky_relu(self._norm(f"down_{level}_norm")(raw, train=train), 0.2)
            skips.append(raw if spleeter else x)
        x = skips.pop()
        for level, features in enumerate(reversed(self.widths[:-1]), 1):
            x = self._up(features, f"up_{level}")(x)
            norm = self._norm(f"up_{level}_norm")
            x = norm(nn.relu(x), train=train) if spleeter else nn.relu(norm(x, train=train))
            drop = nn.Dropout(self.dropout if level <= 3 else 0.0, deterministic=not train)
            # Of Jansson's, in the port whose scores are known, the skip is dropped from as well.
            x = drop(x) if spleeter else x
            x = jnp.concatenate([skips.pop(), x], -1)
            x = x if spleeter else drop(x)
        x = self._up(1 if spleeter else channels, f"up_{len(self.widths)}")(x)
        if spleeter:
            x = self._norm(f"up_{len(self.widths)}_norm")(nn.relu(x), train=train)
            x = Conv2D(
                channels,
                4,
                dilation=2,
                pads=(3, 3),
                kernel_init=self._init(HE),
                dtype=self.dtype,
                name="output",
            )(x)
        return nn.sigmoid(x.astype(jnp.float32))

    def _init(self, he: Initializer) -> Initializer:
        return he if self.layout == "spleeter" else GLOROT

    def _down(self, features: int, name: str) -> nn.Module:
        return Conv2D(
            features,
            self.kernel_size,
            2,
            pads=PADS,
            kernel_init=self._init(HE),
            dtype=self.dtype,
            name=name,
        )

    def _up(self, features: int, name: str) -> nn.Module:
        return TransposedConv2D(
            features,
            self.kernel_size,
            2,
            crop=PADS,
            kernel_init=self._init(HE_TRANSPOSED),
            dtype=self.dtype,
            name=name,
        )

    def _norm(self, name: str) -> nn.Module:
        scale = self.layout == "spleeter"
        return BatchNorm(self.momentum, 1e-3, use_scale=scale, dtype=self.dtype, name=name)


class SpectrogramUNet(nn.Module):
    """Masks of one U-Net per source, mixture [B T C] -> sources [B T S C], of any length T.

    The fields are Jansson's, for 8,192 Hz; SpectrogramUNet(**SPLEETER) is for 44,100 Hz. The nets
    see the lowest `bins` bins of `frames` frames at a time; above them the mask is `beyond`. masks:
    'own', each net's output; 'ratio', each estimate's share of the power of all, so that the
    sources sum to the mixture below the highest bin. The mixture's phase is kept. centred: training
    compares frames that reach over the ends of a crop, too, else whole ones only.
    """

    sources: int = 2
    channels: int = 1
    n_fft: int = 1024
    hop: int = 768
    bins: int = 512
    frames: int = 128
    widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    layout: _Layout = "jansson"
    masks: Literal["own", "ratio"] = "own"
    beyond: float = 0.5
    dropout: float = 0.5
    momentum: float = 0.999
    centred: bool = False
    dtype: Any = jnp.float32

    def setup(self) -> None:
        scale = 2 ** len(self.widths)
        if self.frames % scale or self.bins % scale or self.bins > self.n_fft // 2 + 1:
            raise BadInput(
                f"frames={self.frames}, bins={self.bins}: both must be multiples of {scale}, and "
                f"bins at most {self.n_fft // 2 + 1}"
            )
        self.nets = [
            MaskUNet(
                self.widths,
                self.layout,
                dropout=self.dropout,
                momentum=self.momentum,
                dtype=self.dtype,
            )
            for _ in range(self.sources)
        ]

    def length(self) -> int:
        """Samples whose centred spectrogram has exactly `frames` frames."""
        return (self.frames - 1) * self.hop

    def crop(self) -> int:
        """Samples whose spectrogram has exactly `frames` frames: what to train on."""
        return self.length() if self.centred else self.length() + self.n_fft

    @property
    def receptive_field(self) -> int:
        """Samples of which one sample is made, by all the frames that it lies in."""
        down = (Step(MaskUNet.kernel_size, 2, PADS[0]),) * len(self.widths)
        steps = [*down, *(step._replace(up=True) for step in down)]
        steps += [same_padded(4, dilation=2)] if self.layout == "spleeter" else []
        frames = [input_interval(steps, f, f) for f in range(self.frames)]
        # The nets' receptive field ends with the piece of so many frames.
        frames = [(max(first, 0), min(last, self.frames - 1)) for first, last in frames]
        frames += [(first + self.frames, last + self.frames) for first, last in frames]
        # Windows begin with a zero.
        around = -(-(self.n_fft - 1) // self.hop)
        most = max(
            max(last for _, last in frames[f : f + around]) - frames[f][0] + 1
            for f in range(self.frames)
        )
        return framing.frames_span(most, self.n_fft - 1, self.hop)

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.ndim != 3 or x.shape[-1] != self.channels:
            raise BadInput(f"this U-Net takes [B T {self.channels}], not {x.shape}")
        spectrum = self.spectrum(x)
        masks = self._masks(jnp.abs(spectrum[:, :, : self.bins]), train)
        above = spectrum.shape[2] - self.bins
        pads = ((0, 0), (0, 0), (0, above), (0, 0), (0, 0))
        masks = jnp.pad(masks, pads, constant_values=self.beyond)
        stems = (spectrum[:, :, :, None] * masks).reshape(*spectrum.shape[:3], -1)
        y = stft.centred_inverse(stems, self.n_fft, self.hop, x.shape[1])
        return y.reshape(*x.shape[:2], self.sources, self.channels)

    def spectrum(self, x: jax.Array) -> jax.Array:
        """STFT with frames centred on whole hops, [B T C] -> [B F N C] complex64."""
        return stft.centred(x, self.n_fft, self.hop)

    def _compared(self, x: jax.Array) -> jax.Array:
        """Magnitudes of what training compares, [B T C] -> [B F bins C]."""
        if self.centred or x.shape[1] < self.n_fft:
            return jnp.abs(self.spectrum(x)[:, :, : self.bins])
        whole = stft.stft(x, self.n_fft, self.hop, centre=False)
        return jnp.abs(whole[:, :, : self.bins])

    def estimates(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Every net's own estimate, [B T C] -> [B F bins S C]: what training compares."""
        magnitude = self._compared(x)
        return self._shares(magnitude, train) * magnitude[:, :, :, None]

    def targets(self, stems: jax.Array) -> jax.Array:
        """Magnitudes of given sources, [B T S C] -> [B F bins S C]."""
        flat = stems.reshape(*stems.shape[:2], -1)
        magnitude = self._compared(flat)
        return magnitude.reshape(*magnitude.shape[:3], *stems.shape[2:])

    def _masks(self, magnitude: jax.Array, train: bool) -> jax.Array:
        shares = self._shares(magnitude, train)
        if self.masks == "own":
            return shares
        power = jnp.square(shares * magnitude[:, :, :, None])
        # XLA's own sum over so few took CPUs 14 times as long.
        total = sum(power[:, :, :, [i]] for i in range(self.sources))
        return (power + _TINY / self.sources) / (total + _TINY)

    def _shares(self, magnitude: jax.Array, train: bool) -> jax.Array:
        """[B F bins C] -> [B F bins S C], through the nets in pieces of `frames` frames."""
        batch, count, bins, channels = magnitude.shape
        more = -(-count // self.frames) * self.frames - count
        x = jnp.pad(magnitude, ((0, 0), (0, more), (0, 0), (0, 0)))
        x = x.reshape(-1, self.frames, bins, channels)
        x = jnp.log1p(x) if self.layout == "jansson" else x
        shares = jnp.stack([net(x, train=train) for net in self.nets], 3)
        return shares.reshape(batch, -1, bins, self.sources, channels)[:, :count]
