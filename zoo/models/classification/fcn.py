"""Fully convolutional taggers: 3 x 3 convolutions and pools down to a single vector.

Keunwoo Choi, George Fazekas, Mark Sandler: "Automatic tagging using deep convolutional neural
networks", ISMIR 2016, and three later nets of that form, by name in `_VERSIONS`:
- choi_3 to choi_7: the paper's depths. ReLU stands before batch norm, dropout .5 behind pools.
- music_tagger_cnn: the first author's public Keras code of 2016, 865,950 parameters. A norm with a
  scale for each of 1,366 frames comes first; ELU.
- compact_cnn: his features for transfer (ISMIR 2017), 32 channels throughout; published weights.
- won: the FCN of Won et al., "Evaluation of CNN-based automatic music tagging models", SMC 2020;
  447,732 parameters, published weights.

Deviations and guesses:
- Pools and widths of choi_4 are the paper's. Of the others only the sizes at both ends (96 x 1366
  to 2048 x 1 x 1, 128 channels first) were at hand: the pools of choi_5 are those of the public
  code, choi_6 and choi_7 add convolutions of one tap to it, and choi_3's pools are ours.
- What is left behind the last pool is averaged: nothing changes at the papers' lengths, where one
  place is left, and longer inputs give one set of tags.
- compact_cnn normalises by the statistics of the batch at hand, also outside training (Keras 1's
  mode=2), as its weights want it: a batch of a single clip is tagged by what clips are on average,
  and a clip's tags depend on its neighbours.
- dB below the peak are taken per example there, per batch in the original.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.initializers import Starts, keras, keras_he, torch
from zoo.layers.norm import BatchNorm
from zoo.layers.receptive_field import Step, input_interval, same_padded
from zoo.layers.spectrogram_blocks import ConvBlock, Pair
from zoo.signal.mel import CHOI, CHOI_SQUARED, COMPACT, WON_96, MelSpec
from zoo.signal.patches import log_mel_image

_KERAS = dict(momentum=0.99, epsilon=1e-3)  # of batch norm
FIVE = ((4, 2), (4, 2), (4, 2), (5, 3), (4, 4))


class FCN(nn.Module):
    """Tags of half a minute of music, [B T 1] -> logits [B K]; T = `samples` or longer.

    pools: (frames, bins) behind each block; (1, 1) is none. taps: of each block's convolution. The
    defaults are the benchmark's of 2020. Apply with mutable=['intermediates'] to see 'features_1',
    'features_2', ..., [B F N C].
    """

    labels: int = 50
    spec: MelSpec = WON_96
    samples: int = 464_000
    widths: tuple[int, ...] = (64, 128, 128, 128, 64)
    pools: tuple[Pair, ...] = FIVE
    taps: tuple[int, ...] = (3, 3, 3, 3, 3)
    input_norm: str = "one"  # 'one' scale for all of it, one per 'frame', or 'none'
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    normalised_last: bool = False
    batch_statistics: bool = False
    block_dropout: float = 0.0
    dropout: float = 0.5  # before the last layer
    starts: Starts = torch
    top_starts: Starts = torch
    momentum: float = 0.9
    epsilon: float = 1e-5
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> int:
        """Samples that the first place behind the last pool depends on; all but what fills none."""
        steps = []
        for taps, (frames, _) in zip(self.taps, self.pools):
            steps += [same_padded(taps), Step(frames, frames)]
        _, last = input_interval(steps, 0, 0)
        before = self.spec.pad[0] if self.spec.pad else self.spec.n_fft // 2
        return min(last * self.spec.hop - before + self.spec.n_fft, self.samples)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = self._normalised(log_mel_image(x, self.spec, self._least()), train)
        for i, (features, pool, taps) in enumerate(zip(self.widths, self.pools, self.taps), 1):
            x = ConvBlock(
                features,
                pool,
                taps,
                self.activation,
                self.normalised_last,
                self.batch_statistics,
                self.momentum,
                self.epsilon,
                self.starts,
                self.dtype,
                name=f"block_{i}",
            )(x, train=train)
            self.sow("intermediates", f"features_{i}", x)
            x = nn.Dropout(self.block_dropout, deterministic=not train)(x)
        x = x.mean((1, 2))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        starts = self.top_starts(x.shape[-1])
        x = nn.Dense(self.labels, **starts, dtype=self.dtype, name="top")(x)
        return x.astype(jnp.float32)

    def _least(self) -> int:
        """Samples that fill all pools once."""
        frames = 1
        for pool, _ in self.pools:
            frames *= pool
        return (frames - 1) * self.spec.hop

    def _normalised(self, x: jax.Array, train: bool) -> jax.Array:
        """The spectrogram [B F M 1] behind its batch norm, if any."""
        if self.input_norm == "none":
            return x
        norm = BatchNorm(self.momentum, self.epsilon, dtype=self.dtype, name="norm")
        if self.input_norm == "one":
            return norm(x, train=train)
        if self.input_norm != "frame":
            raise BadInput(f"input_norm={self.input_norm}: choose one, frame or none")
        frames = self.samples // self.spec.hop + 1
        if x.shape[1] < frames:
            raise BadInput(f"this net normalises {frames} frames one by one: not {x.shape[1]}")
        # A norm for every frame: its channels are the frames of the length that it was made for.
        return norm(x[:, :frames].swapaxes(1, 3), train=train).swapaxes(1, 3)


def _choi(widths: tuple[int, ...], pools: tuple[Pair, ...], points: int = 0) -> dict[str, Any]:
    """One depth of the paper; `points` convolutions of one tap follow the pooled ones."""
    return dict(
        spec=CHOI,
        samples=349_440,
        widths=widths + widths[-1:] * points,
        pools=pools + ((1, 1),) * points,
        taps=(3,) * len(widths) + (1,) * points,
        input_norm="none",
        normalised_last=True,
        block_dropout=0.5,
        dropout=0.0,
        starts=keras,
        top_starts=keras,
        **_KERAS,
    )


_VERSIONS: Mapping[str, dict[str, Any]] = {
    "won": {},
    "choi_3": _choi((128, 768, 2048), ((8, 4), (10, 4), (16, 6))),
    "choi_4": _choi((128, 384, 768, 2048), ((4, 2), (5, 4), (8, 3), (8, 4))),
    "choi_5": _choi((128, 256, 512, 1024, 2048), FIVE),
    "choi_6": _choi((128, 256, 512, 1024, 2048), FIVE, 1),
    "choi_7": _choi((128, 256, 512, 1024, 2048), FIVE, 2),
    "music_tagger_cnn": dict(
        spec=CHOI_SQUARED,
        samples=349_440,
        widths=(32, 128, 128, 192, 256),
        input_norm="frame",
        activation=nn.elu,
        dropout=0.0,
        starts=keras,
        top_starts=keras,
        **_KERAS,
    ),
    "compact_cnn": dict(
        spec=COMPACT,
        samples=348_000,
        widths=(32,) * 5,
        input_norm="none",
        pools=((4, 2), (4, 3), (5, 2), (4, 2), (4, 4)),
        activation=nn.elu,
        batch_statistics=True,
        dropout=0.0,
        starts=keras_he,
        top_starts=keras,
        **_KERAS,
    ),
}


def fcn_version(name: str) -> dict[str, Any]:
    """Arguments of `FCN` for a net by name. Raises BadInput with the names there are."""
    if name not in _VERSIONS:
        raise BadInput(f"version={name}: choose one of {', '.join(_VERSIONS)}")
    return _VERSIONS[name]
