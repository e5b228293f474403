"""Phasebook and its kin: complex masks as convex combinations of a few learnt values.

Jonathan Le Roux, Gordon Wichern, Shinji Watanabe, Andy Sarroff, John R. Hershey: "Phasebook and
Friends: Leveraging Discrete Representations for Source Separation", IEEE JSTSP 13(2), 2019 (arXiv
1810.01395). A softmax over the entries of a book weighs them: magnitudes (magbook, as the convex
softmax over 0, 1, 2 of Wang et al. 2018), phases beside magnitudes (phasebook), or complex values
(combook). No code of the authors is public; sizes and windows are reported, unchecked.

Deviations and choices:
- The authors separate two speakers and learn with deep clustering beside, whichever speaker comes
  first; stems of music have names, and learn by the masked spectra or by the waveforms alone.
- Bidirectional LSTMs read log magnitudes under a layer norm over the bins of a frame (ours).
- Phases are mixed as points of the unit circle, of whose sum the angle is taken.
- Every book is learnt, from 0, 1, 2, from equal parts of the circle, and the combook from 0 and
  equal parts of the circle.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.layers.initializers import torch, torch_recurrent
from zoo.layers.recurrent import LSTM
from zoo.signal import stft
from zoo.signal.misi import misi, spectra, unit_phasors

_KINDS = ("magbook", "phasebook", "combook")
_FAINT = 1e-4  # added to magnitudes before the logarithm


class Book(nn.Module):
    """Weighted means of learnt values, features [B F D] -> [B F N S parts] float32.

    values: where they start, [K parts]. angles: they are of points of the unit circle, which are
    what is meant: parts are real and imaginary. hard: of every mean the heaviest value alone.
    """

    values: tuple[tuple[float, ...], ...]
    bins: int
    sources: int
    angles: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, hard: bool = False) -> jax.Array:
        size = self.bins * self.sources * len(self.values)
        y = nn.Dense(size, dtype=self.dtype, name="weights", **torch(x.shape[-1]))(x)
        y = y.reshape(*x.shape[:2], self.bins, self.sources, -1).astype(jnp.float32)
        columns = np.asarray(self.values, np.float32).T
        parts = [self.param(f"book_{i}", _starting(v)) for i, v in enumerate(columns)]
        if self.angles:
            parts = [jnp.cos(parts[0]), jnp.sin(parts[0])]
        return mix_codebook(y, jnp.stack(parts, -1), hard)


def _starting(values: np.ndarray) -> Callable[[jax.Array], jax.Array]:
    return lambda _: jnp.asarray(values)


def mix_codebook(logits: jax.Array, book: jax.Array, hard: bool) -> jax.Array:
    """The mean of a book [K parts] under the softmax of logits, [... K] -> [... parts]."""
    if hard:
        return book[logits.argmax(-1)]
    weights = jax.nn.softmax(logits)
    return (weights[..., None] * book).sum(-2)


def _circle(count: int) -> tuple[tuple[float, ...], ...]:
    """So many angles, equal parts of a turn."""
    return tuple((2 * math.pi * k / count,) for k in range(count))


def complex_codes(count: int) -> tuple[tuple[float, ...], ...]:
    """Zero and equal parts of the unit circle, as real and imaginary parts."""
    return ((0.0, 0.0), *((math.cos(a), math.sin(a)) for (a,) in _circle(count - 1)))


class Phasebook(nn.Module):
    """The net from audio to audio, mixture [B T 1] -> sources [B T S 1].

    n_fft, hop: in samples, 32 and 8 ms of 8 kHz in the paper. magnitudes, phases, codes: entries of
    the books. iterations: of MISI behind the masks. hard: outside of training the likeliest entry
    of each book is taken and not their mean.
    """

    sources: int = 2
    kind: Literal["magbook", "phasebook", "combook"] = "phasebook"
    n_fft: int = 512
    hop: int = 128
    hidden: int = 600
    layers: int = 4
    dropout: float = 0.3
    magnitudes: int = 3
    phases: int = 8
    codes: int = 12
    iterations: int = 0
    hard: bool = False
    dtype: Any = jnp.float32

    receptive_field = math.inf  # of the LSTMs

    def setup(self) -> None:
        if self.kind not in _KINDS:
            raise BadInput(f"kind={self.kind}: choose {', '.join(_KINDS)}")
        if min(self.magnitudes, self.phases, self.codes) < 2:
            raise BadInput("a book needs two entries at least")
        width = dict(bidirectional=True, dtype=self.dtype, **torch_recurrent(self.hidden))
        self.lstm = [LSTM(self.hidden, **width) for _ in range(self.layers)]
        self.norm = nn.LayerNorm(dtype=self.dtype)
        self.drop = nn.Dropout(self.dropout)
        whole = tuple((float(k),) for k in range(self.magnitudes))
        books = {"magnitude": whole, "phase": _circle(self.phases)}
        if self.kind == "combook":
            books = {"code": complex_codes(self.codes)}
        if self.kind == "magbook":
            books = {"magnitude": whole}
        bins = self.n_fft // 2 + 1
        self.books = {
            name: Book(values, bins, self.sources, name == "phase", self.dtype)
            for name, values in books.items()
        }

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.ndim != 3 or x.shape[-1] != 1:
            raise BadInput(f"this net takes mono audio [B T 1], not {x.shape}")
        found = self._masked(spectra(x, self.n_fft, self.hop), train)
        return misi(found, x, self.n_fft, self.hop, self.iterations)[..., None]

    def estimates(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Masked spectra of the mixture, [B T 1] -> parts [B F 2N S 1]."""
        return stft.real_and_imaginary(self._masked(spectra(x, self.n_fft, self.hop), train))[
            ..., None
        ]

    def targets(self, stems: jax.Array) -> jax.Array:
        """The same of given sources, [B T S 1] -> parts [B F 2N S 1]."""
        return stft.real_and_imaginary(spectra(stems[..., 0], self.n_fft, self.hop))[..., None]

    def masks(self, magnitude: jax.Array, *, train: bool = False) -> jax.Array:
        """Masks of a mixture's magnitudes, [B F N] -> [B F N S] complex64."""
        y = self.norm(jnp.log(magnitude + _FAINT))
        for layer in self.lstm:
            y = self.drop(layer(y)[0], deterministic=not train)
        hard = self.hard and not train
        found = {name: book(y, hard=hard) for name, book in self.books.items()}
        if self.kind == "combook":
            return _complex(found["code"])
        size = found["magnitude"][..., 0]
        return (
            size * unit_phasors(_complex(found["phase"])) if self.kind == "phasebook" else size + 0j
        )

    def _masked(self, spectrum: jax.Array, train: bool) -> jax.Array:
        """[B F N 1] complex64 -> [B F N S] complex64."""
        return self.masks(jnp.abs(spectrum[..., 0]), train=train) * spectrum


def _complex(x: jax.Array) -> jax.Array:
    """Real and imaginary parts [... 2] as complex numbers [...]."""
    return jax.lax.complex(x[..., 0], x[..., 1])
