"""Self-attention taggers: a convolutional front end, and a Transformer that reads its frames.

Minz Won, Sanghyuk Chun, Xavier Serra: "Toward interpretable music tagging with self-attention",
arXiv:1906.04972, 2019, and the net of that name in Won et al. 2020 (SMC), 10,521,652 parameters.
`_VERSIONS` names them: 'pons' and 'lee' (the paper's front ends on spectrograms and on samples) and
'won', whose front end is residual and which adds no positions. All numbers are those of the
authors' public codes; 16 is the width that their README trains with.

A token that is not learnt goes before the frames: NumPy's first uniform numbers of seed 0. The tags
are read from its place; where its attention goes is what heat maps show.

Deviations and guesses:
- 'pons' reads dB of power mel doubled (20 log10), as the paper's preprocessing has it; its library
  also clips 80 dB below the loudest of a whole clip, here of the segment.
- Positions are those of the frames at hand, so any length goes; the paper's table is fixed.
- The output is logits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypedDict

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.layers.attention import EncoderLayer, sinusoids
from zoo.layers.conv import Conv
from zoo.layers.initializers import Starts, torch
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import max_pool
from zoo.layers.shaped_filters import Activated, ShapedFilters
from zoo.layers.spectrogram_blocks import Residual
from zoo.signal.mel import MUSICNN, WON, MelSpec, power_to_db
from zoo.signal.patches import log_mel_image, log_mel_patch


class _Convolved(TypedDict):
    """What all convolutions of the front ends share."""

    normalised_last: bool
    starts: Starts
    momentum: float
    epsilon: float


TORCH = _Convolved(normalised_last=False, starts=torch, momentum=0.9, epsilon=1e-5)


def doubled_decibels(power: jax.Array) -> jax.Array:
    """20 log10 of mel power, [B ...] -> [B ...], at most 80 below the loudest."""
    level = 2 * power_to_db(power, 1e-5)
    return jnp.maximum(level, level.max(axis=tuple(range(1, level.ndim)), keepdims=True) - 80.0)


DOUBLED = replace(MUSICNN, compress=doubled_decibels)


class ResidualFront(nn.Module):
    """Seven residual blocks over log mel, a frame for every eight, [B T 1] -> [B F D]."""

    features: int = 256
    spec: MelSpec = WON
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = log_mel_image(x, self.spec)
        x = BatchNorm(dtype=self.dtype, name="norm")(x, train=train)
        for i in range(1, 8):
            features = self.features // 2 if i < 3 else self.features
            stride = (2, 2) if i <= 3 else (1, 2)
            x = Residual(features, stride, self.dtype, name=f"block_{i}")(x, train=train)
        return x.reshape(*x.shape[:2], -1)


class PonsFront(nn.Module):
    """Timbral and temporal filters, and a mix of them, [B T 1] -> [B F D], F = T // 256."""

    features: int = 512
    width: int = 16
    lengths: tuple[int, ...] = (165, 129, 65, 33)
    spec: MelSpec = DOUBLED
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = log_mel_patch(x, self.spec)
        x = BatchNorm(dtype=self.dtype, name="norm")(x[..., None], train=train)[..., 0]
        filters = ShapedFilters(self.width, self.lengths, **TORCH, dtype=self.dtype, name="filters")
        mix = Activated(self.features, 1, **TORCH, dtype=self.dtype, name="mix")
        return mix(filters(x, train=train), train=train)


class LeeFront(nn.Module):
    """Small filters on samples, 243 to a frame, [B T 1] -> [B F D]."""

    features: int = 512
    width: int = 64
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        conv = Conv(self.width, 3, 3, padding=1, **torch(3), dtype=self.dtype, name="stem")
        x = nn.relu(BatchNorm(dtype=self.dtype, name="norm")(conv(x), train=train))
        for i, factor in enumerate((1, 2, 2, 2), 1):
            block = Activated(factor * self.width, 3, **TORCH, dtype=self.dtype, name=f"block_{i}")
            x = max_pool(block(x, train=train), 3)
        mix = Activated(self.features, 7, **TORCH, dtype=self.dtype, name="mix")
        return mix(x, train=train)


class SelfAttentionTagger(nn.Module):
    """Tags of some seconds of music, [B T 1] at 16 kHz -> logits [B K].

    front: [B T 1] -> [B F D]. positions: add sinusoids to its frames. The defaults are the
    benchmark's of 2020. Apply with mutable=['intermediates'] to see the attention of every layer,
    ['layer_n']['attention']['attention'] [B H F+1 F+1]: row 0 is the token's.
    """

    labels: int = 50
    front: nn.Module = ResidualFront()
    samples: int = 240_000
    layers: int = 2
    heads: int = 8
    positions: bool = False
    dropout: float = 0.4  # in the encoder
    attention_dropout: float = 0.5
    top_dropout: float = 0.5
    dtype: Any = jnp.float32

    receptive_field = math.inf  # every frame attends to all

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = self.front(x, train=train)
        width = x.shape[-1]
        token = jnp.broadcast_to(first_token(width).astype(x.dtype), (x.shape[0], 1, width))
        x = jnp.concatenate([token, x], 1)
        if self.positions:
            x = x + sinusoids(x.shape[1], width).astype(x.dtype)
        for i in range(1, self.layers + 1):
            x = EncoderLayer(
                self.heads,
                4 * width,
                self.dropout,
                self.attention_dropout,
                self.dtype,
                name=f"layer_{i}",
            )(x, train=train)
        x = nn.Dense(width, **torch(width), dtype=self.dtype, name="pooler")(x[:, 0])
        x = jnp.tanh(x)
        self.sow("intermediates", "penultimate", x)
        x = nn.Dropout(self.top_dropout, deterministic=not train)(x)
        x = nn.Dense(self.labels, **torch(width), dtype=self.dtype, name="top")(x)
        return x.astype(jnp.float32)


def first_token(width: int) -> np.ndarray:
    """What is put before the frames, -> [D] float32 in [0, 1): the same in every run."""
    return np.random.RandomState(0).random_sample(width).astype(np.float32)


_PAPER = dict(positions=True, dropout=0.4, attention_dropout=0.4)
_VERSIONS: Mapping[str, tuple[Any, dict[str, Any]]] = {  # front end, arguments of the tagger
    "won": (ResidualFront, {}),
    "pons": (PonsFront, dict(samples=256 * 256, **_PAPER)),
    "lee": (partial(LeeFront, width=64), dict(samples=65_610, **_PAPER)),
}


def make_tagger(version: str, labels: int, dtype: Any = jnp.float32, **front: int) -> nn.Module:
    """A net by name; front: other widths of its front end. Raises BadInput with the names."""
    if version not in _VERSIONS:
        raise BadInput(f"version={version}: choose one of {', '.join(_VERSIONS)}")
    kind, arguments = _VERSIONS[version]
    return SelfAttentionTagger(labels, kind(**front, dtype=dtype), **arguments, dtype=dtype)
