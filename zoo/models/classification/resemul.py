"""Sample-level nets with squeeze-and-excitation and residual blocks, and multi-level features.

Taejun Kim, Jongpil Lee, Juhan Nam: "Sample-level CNN Architectures for Music Auto-tagging Using Raw
Waveforms", ICASSP 2018, its table of blocks; the same authors, "Comparison and Analysis of
SampleCNN Architectures for Audio Classification", IEEE JSTSP 2019 (ratio=1/8, stem_padding='same').

Deviations and guesses:
- The input is standardised by constants, MagnaTagATune's of the authors' code.
- He-uniform weights; the JSTSP code's fan-in, wrong by its authors' own account, is not repeated.
- The output is logits; an input longer than `samples` gives the tags of its largest last features.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import Conv, Padding
from zoo.layers.initializers import GLOROT, HE
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import largest, max_pool

# name -> (convolutions on a residual branch, 0 for none; whether a block has excitation)
BLOCKS = {
    "basic": (0, False),
    "se": (0, True),
    "res_1": (1, False),
    "res_2": (2, False),
    "rese_1": (1, True),
    "rese_2": (2, True),
}


class Excitation(nn.Module):
    """One gate in (0, 1) per channel, from the means over time, [B T C] -> [B 1 C]."""

    ratio: float  # width of the hidden layer / channels
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width = x.shape[-1]
        hidden = max(1, round(width * self.ratio))
        squeeze = nn.Dense(hidden, kernel_init=GLOROT, dtype=self.dtype, name="squeeze")
        excite = nn.Dense(width, kernel_init=GLOROT, dtype=self.dtype, name="excite")
        return nn.sigmoid(excite(nn.relu(squeeze(x.mean(1, keepdims=True)))))


class Block(nn.Module):
    """One level, ending in a max-pool, [B T C] -> [B T/pool features].

    Without a residual branch the excitation scales what was *pooled*; on a branch it scales the
    branch before the sum. Sows 'excitation' [B features] and 'output' [B T/pool features].
    """

    features: int
    pool: int = 3
    convolutions: int = 0
    excited: bool = False
    ratio: float = 16
    dropout: float = 0.2
    momentum: float = 0.99
    epsilon: float = 1e-3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if self.convolutions:
            branch = self._branch(x, train)
            branch = self._excite(branch) if self.excited else branch
            x = max_pool(nn.relu(branch + self._shortcut(x, train)), self.pool)
        else:
            x = max_pool(nn.relu(self._conv(x, "conv", train)), self.pool)
            x = self._excite(x) if self.excited else x
        self.sow("intermediates", "output", x)
        return x

    def _conv(self, x: jax.Array, name: str, train: bool, taps: int = 3) -> jax.Array:
        start = HE if taps == 3 else GLOROT
        conv = Conv(self.features, taps, kernel_init=start, dtype=self.dtype, name=name)
        suffix = name.removeprefix("conv")
        norm = BatchNorm(self.momentum, self.epsilon, dtype=self.dtype, name=f"norm{suffix}")
        return norm(conv(x), train=train)

    def _branch(self, x: jax.Array, train: bool) -> jax.Array:
        for i in range(self.convolutions):
            if i:
                x = nn.Dropout(self.dropout, deterministic=not train)(nn.relu(x))
            x = self._conv(x, f"conv_{i + 1}", train)
        return x

    def _shortcut(self, x: jax.Array, train: bool) -> jax.Array:
        return x if x.shape[-1] == self.features else self._conv(x, "conv_shortcut", train, 1)

    def _excite(self, x: jax.Array) -> jax.Array:
        gates = Excitation(self.ratio, dtype=self.dtype, name="gates")(x)
        self.sow("intermediates", "excitation", gates[:, 0])
        return x * gates


class ReSEMul(nn.Module):
    """Tags from raw samples, [B T 1] -> logits [B K]; T = stem * pool ** depth, 59,049 by default.

    Apply with mutable=['intermediates'] to see each block_1, ..., block_9 put out its 'output' and
    'excitation', and 'penultimate' [B D]. The six blocks of the papers are the keys of BLOCKS.
    """

    block: str = "rese_2"
    multi: bool = True  # the last three blocks feed the top, not only the last
    ratio: float = 16  # of the ICASSP code; 1/8 in the JSTSP code
    depth: int = 9
    pool: int = 3
    stem: int = 3  # length and stride of the first filters
    stem_padding: Padding = "valid"
    labels: int = 50
    first: int = 128  # channels of the stem and of blocks 1 and 2
    middle: int = 256
    last: int = 512
    dropout: float = 0.5
    block_dropout: float = 0.2  # between the convolutions of a residual branch
    mean: float = -1.650e-4  # the input is standardised: (x - mean) / std
    std: float = 0.15512
    momentum: float = 0.99  # batch norm as in Keras
    epsilon: float = 1e-3
    dtype: Any = jnp.float32

    @property
    def samples(self) -> int:
        """Input length T of one segment."""
        return self.stem * self.pool**self.depth

    @property
    def receptive_field(self) -> int:
        """All of its input."""
        return self.samples

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each block."""
        lower = [self.first if i < 2 else self.middle for i in range(self.depth - 1)]
        return (*lower, self.last)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        self._check(x)
        norm = dict(momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype)
        convolutions, excited = BLOCKS[self.block]
        stem = Conv(
            self.first,
            self.stem,
            self.stem,
            padding=self.stem_padding,
            kernel_init=HE,
            dtype=self.dtype,
            name="stem",
        )
        x = stem((x - self.mean) / self.std)
        x = nn.relu(BatchNorm(**norm, name="stem_norm")(x, train=train))
        levels = []
        for i, features in enumerate(self.channels):
            block = Block(
                features,
                self.pool,
                convolutions,
                excited,
                self.ratio,
                self.block_dropout,
                **norm,
                name=f"block_{i + 1}",
            )
            x = block(x, train=train)
            levels.append(largest(x, 1))
        x = jnp.concatenate(levels[-3:] if self.multi else levels[-1:], -1)
        x = nn.Dense(x.shape[-1], kernel_init=GLOROT, dtype=self.dtype, name="hidden")(x)
        x = nn.relu(BatchNorm(**norm, name="hidden_norm")(x, train=train))
        self.sow("intermediates", "penultimate", x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.Dense(self.labels, kernel_init=GLOROT, dtype=self.dtype, name="dense")(x)
        return x.astype(jnp.float32)

    def _check(self, x: jax.Array) -> None:
        if self.block not in BLOCKS:
            raise BadInput(f"no block '{self.block}': {', '.join(BLOCKS)}")
        least = self.pool**self.depth * self.stem
        if self.stem_padding == "same":
            least -= self.stem - 1  # what the padded stem makes up for
        if x.ndim != 3 or x.shape[-1] != 1:
            raise BadInput(f"ReSEMul takes [B T 1], T of {least:,} or longer, not {x.shape}")
        if x.shape[1] < least:
            raise BadInput(f"ReSEMul takes {least:,} samples or longer, not {x.shape[1]:,}")
