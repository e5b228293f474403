"""HarmonicCNN: 3 x 3 convolutions over six spectrograms, one for each multiple of the pitch.

Minz Won, Sanghyuk Chun, Oriol Nieto, Xavier Serra: "Data-driven harmonic filters for audio
representation learning", ICASSP 2020 (late-breaking at ISMIR 2019); 3,631,551 parameters. Sizes are
those of the authors' two public codes; `POOLS` holds the last two pools, which differ by task.

Deviations and guesses:
- n_fft is 512, as in the benchmark of 2020 and the paper's training command; 513, the default
  elsewhere in their code, is a window one sample longer over the same 257 bins.
- The paper says that centre frequencies are learnt; as in its code, only one Q is.
- The output is logits for every task.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import largest
from zoo.layers.spectrogram_blocks import ConvBlock, DenseTop, Pair, PooledResidual
from zoo.signal import stft
from zoo.signal.harmonic import harmonic_centres, harmonic_filters
from zoo.signal.mel import power_to_db
from zoo.signal.precision import HIGHEST

POOLS: dict[str, tuple[Pair, Pair]] = {  # (frames, bins) behind blocks 6 and 7
    "magnatagatune": ((3, 2), (3, 2)),
    "dcase_2017": ((2, 2), (2, 2)),
    "speech_commands": ((2, 2), (1, 2)),
}


class HarmonicSpectrogram(nn.Module):
    """Power in harmonic bands in dB, [B T 1] -> [B F L H]; one learnt parameter 'q' [1]."""

    sample_rate: int = 16_000
    harmonics: int = 6
    steps: int = 2  # bands to a semitone
    n_fft: int = 512
    hop: int = 256

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if x.ndim != 3 or x.shape[-1] != 1:
            raise BadInput(f"this model takes [B T 1], not {x.shape}")
        spectrum = stft.stft(x, self.n_fft, self.hop, centre=True, pad_mode="reflect")
        power = stft.power(spectrum)[..., 0]
        q = self.param("q", nn.initializers.ones, (1,))
        centres = harmonic_centres(self.sample_rate, self.harmonics, self.steps)
        filters = harmonic_filters(q[0], centres, power.shape[-1], self.sample_rate)
        return power_to_db(jnp.einsum("bfn,nhl->bflh", power, filters, precision=HIGHEST))


class HarmonicCNN(nn.Module):
    """Labels of 5 s of sound, [B T 1] at 16 kHz -> logits [B K]; T = `least` samples or longer.

    pools: (frames, bins) behind the last two blocks. Apply with mutable=['intermediates'] to see
    'harmonic' [B F L H] and 'features_1' to 'features_7', [B F N C].
    """

    labels: int = 50
    width: int = 128  # of the first four blocks, twice as many in the others
    pools: tuple[Pair, Pair] = POOLS["magnatagatune"]
    samples: int = 80_000
    harmonics: int = 6
    steps: int = 2
    sample_rate: int = 16_000
    dropout: float = 0.5
    dtype: Any = jnp.float32

    receptive_field = math.inf  # the largest over all frames

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        kind = dict(dtype=self.dtype)
        x = HarmonicSpectrogram(
            self.sample_rate, self.harmonics, self.steps, name="harmonic_spectrogram"
        )(x)
        self.sow("intermediates", "harmonic", x)
        self._check(x.shape)
        x = BatchNorm(**kind, name="norm")(x, train=train)
        blocks = [
            ConvBlock(self.width, **kind, name="block_1"),
            *(PooledResidual(**kind, name=f"block_{i}") for i in (2, 3, 4)),
            ConvBlock(2 * self.width, **kind, name="block_5"),
            *(PooledResidual(p, **kind, name=f"block_{i}") for i, p in zip((6, 7), self.pools)),
        ]
        for i, block in enumerate(blocks, 1):
            x = block(x, train=train)
            self.sow("intermediates", f"features_{i}", x)
        x = largest(x.reshape(x.shape[0], -1, 2 * self.width), 1)
        return DenseTop(self.labels, 2 * self.width, self.dropout, self.dtype, name="top")(
            x, train=train
        )

    @property
    def least(self) -> int:
        """Samples that fill all pools once."""
        return (32 * self.pools[0][0] * self.pools[1][0] - 1) * 256

    def _check(self, shape: tuple[int, ...]) -> None:
        if shape[1] <= self.least // 256:
            raise BadInput(
                f"this model takes {self.least:,} samples or more, not {shape[1]} frames"
            )
