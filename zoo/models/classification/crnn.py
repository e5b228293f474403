"""CRNN: four 3 x 3 blocks that leave fifteen frames, and two recurrent layers over them.

Keunwoo Choi, George Fazekas, Mark Sandler, Kyunghyun Cho: "Convolutional recurrent neural networks
for music classification", ICASSP 2017. Two nets, by name in `_VERSIONS`:
- choi: the first author's public Keras code, 396,786 parameters, published weights. 96 x 1366 bins
  and frames are padded by 37 frames at both ends *before* a norm with its own scale for every
  frame; ELU; GRU of Keras 1; dropout .1 behind blocks, .3 behind the GRU.
- won: the CRNN of Won et al. 2020 (SMC), 394,100 parameters, published weights. One scale for the
  spectrogram, ReLU, torch's GRU, dropout .5 before the last layer.

Deviations and guesses:
- choi's log-mel spectrogram takes the square of what already is power, as its author found too
  late; its weights need that.
- recurrent='lstm' puts the same framework's LSTM in the GRU's place; the code has the GRU only.
- choi takes its own length (29.12 s at 12 kHz), and what is longer is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.initializers import keras, torch, torch_recurrent
from zoo.layers.keras_recurrent import KerasGRU, KerasLSTM
from zoo.layers.norm import BatchNorm
from zoo.layers.recurrent import GRU, LSTM
from zoo.layers.spectrogram_blocks import ConvBlock, Pair
from zoo.signal.mel import CHOI_SQUARED, WON_96, MelSpec
from zoo.signal.patches import log_mel_image


class CRNN(nn.Module):
    """Tags of half a minute of music, [B T 1] -> logits [B K]; T = `samples` or longer.

    The defaults are the benchmark's of 2020. frames: what the spectrogram is cut and padded to, a
    norm for each of them; None keeps its length under a single norm. Apply with
    mutable=['intermediates'] to see 'features_1' to 'features_4' [B F N C] and 'penultimate' [B D].
    """

    labels: int = 50
    spec: MelSpec = WON_96
    samples: int = 464_000
    widths: tuple[int, ...] = (64, 128, 128, 128)
    pools: tuple[Pair, ...] = ((2, 2), (3, 3), (4, 4), (4, 4))
    hidden: int = 32
    recurrent: str = "gru"  # or 'lstm'
    frames: int | None = None
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    block_dropout: float = 0.0
    dropout: float = 0.5
    framework: str = "torch"  # whose recurrent layers: 'torch' or 'keras'
    momentum: float = 0.9
    epsilon: float = 1e-5
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> int:
        """All of it."""
        return self.samples

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        return self.tags(log_mel_image(x, self.spec, self.samples), train=train)

    @nn.compact
    def tags(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """The net behind the spectrogram, log mel [B F M 1] -> logits [B K]."""
        starts = keras if self.framework == "keras" else torch
        x = self._normalised(x, train)
        for i, (features, pool) in enumerate(zip(self.widths, self.pools), 1):
            x = ConvBlock(
                features,
                pool,
                activation=self.activation,
                momentum=self.momentum,
                epsilon=self.epsilon,
                starts=starts,
                dtype=self.dtype,
                name=f"block_{i}",
            )(x, train=train)
            self.sow("intermediates", f"features_{i}", x)
            x = nn.Dropout(self.block_dropout, deterministic=not train)(x)
        x = self._last_state(x.reshape(*x.shape[:2], -1))
        self.sow("intermediates", "penultimate", x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.Dense(self.labels, **starts(self.hidden), dtype=self.dtype, name="top")(x)
        return x.astype(jnp.float32)

    def _normalised(self, x: jax.Array, train: bool) -> jax.Array:
        """The spectrogram [B F M 1], padded where `frames` says so, behind its batch norm."""
        norm = BatchNorm(self.momentum, self.epsilon, dtype=self.dtype, name="norm")
        if self.frames is None:
            return norm(x, train=train)
        x = x[:, : self.samples // self.spec.hop + 1]
        spare = self.frames - x.shape[1]
        x = jnp.pad(x, ((0, 0), (spare // 2, spare - spare // 2), (0, 0), (0, 0)))
        return norm(x.swapaxes(1, 3), train=train).swapaxes(1, 3)

    def _last_state(self, x: jax.Array) -> jax.Array:
        """Two recurrent layers over [B F C], the last state of the second -> [B D]."""
        kinds = _RECURRENT.get(self.framework, {})
        if self.recurrent not in kinds:
            raise BadInput(
                f"recurrent={self.recurrent}, framework={self.framework}: choose gru or lstm, "
                "torch or keras"
            )
        for name in ("recurrent_1", "recurrent_2"):
            x = kinds[self.recurrent](self.hidden, self.dtype, name)(x)
        return x[:, -1]


def _torch_like(kind: Any) -> Callable[..., Callable[[jax.Array], jax.Array]]:
    """Constructor of torch's layer with torch's start, whose call gives the outputs alone."""

    def make(features: int, dtype: Any, name: str) -> Callable[[jax.Array], jax.Array]:
        layer = kind(features, **torch_recurrent(features), dtype=dtype, name=name)
        return lambda x: layer(x)[0]

    return make


def _keras_like(kind: Any) -> Callable[..., nn.Module]:
    return lambda features, dtype, name: kind(features, dtype=dtype, name=name)


_RECURRENT: dict[str, dict[str, Callable[..., Callable[[jax.Array], jax.Array]]]] = {
    "torch": {"gru": _torch_like(GRU), "lstm": _torch_like(LSTM)},
    "keras": {"gru": _keras_like(KerasGRU), "lstm": _keras_like(KerasLSTM)},
}
_VERSIONS: Mapping[str, dict[str, Any]] = {
    "won": {},
    "choi": dict(
        spec=CHOI_SQUARED,
        samples=349_440,
        frames=1440,
        activation=nn.elu,
        block_dropout=0.1,
        dropout=0.3,
        framework="keras",
        momentum=0.99,
        epsilon=1e-3,
    ),
}


def crnn_version(name: str) -> dict[str, Any]:
    """Arguments of `CRNN` for a net by name. Raises BadInput with the names there are."""
    if name not in _VERSIONS:
        raise BadInput(f"version={name}: choose one of {', '.join(_VERSIONS)}")
    return _VERSIONS[name]
