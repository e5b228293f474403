"""The classifier behind WaveGAN's inception scores: a second of audio to logits of its class.

Chris Donahue, Julian McAuley, Miller Puckette: "Adversarial Audio Synthesis", ICLR 2019, section
5.1; the net of the authors' code (eval/inception): log-mel spectrograms of 128 frames by 128 bands
under four 5 x 5 convolutions with pools and a dense layer.

Deviations and guesses:
- The code sets a dropout rate and never applies it: there is none here.
- The authors' weights are too large for the snapshots that were at hand: train your own, and name
  it beside every inception score.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv2d import Conv2D
from zoo.layers.initializers import keras
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import max_pool_2d
from zoo.signal.mel import MelSpec, log_mel

SAMPLES, _HOP, _BANDS = 16_384, 128, 128
_BLOCKS, _TAPS = 4, 5


def _shifted_log(magnitude: jax.Array) -> jax.Array:
    """ln(magnitude + 1e-6), [...] -> same shape."""
    return jnp.log(magnitude + 1e-6)


_FRONT = MelSpec(
    16_000,
    1024,
    _HOP,
    _BANDS,
    _shifted_log,
    exponent=1,
    low=40.0,
    high=7800.0,
    scale="htk",
    norm=None,
    straight_in="mel",
    centre=False,
    pad=(0, 1024 - _HOP),
    pad_mode="constant",
)


class Inception(nn.Module):
    """Class of a clip, [B 16384 1] at 16 kHz -> logits [B K]."""

    labels: int = 10
    width: int = 128
    dtype: Any = jnp.float32

    receptive_field = SAMPLES

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.shape[1:] != (SAMPLES, 1):
            raise BadInput(f"this classifier takes audio [B {SAMPLES} 1], not {x.shape}")
        image = jax.lax.stop_gradient(log_mel(x, _FRONT)[..., 0])
        x = self._normed(image, "norm", train)[..., None]
        for i in range(1, _BLOCKS + 1):
            x = self._normed(x, f"norm_{i - 1}", train) if i > 1 else x
            start = keras(_TAPS**2 * x.shape[-1])
            conv = Conv2D(
                self.width,
                _TAPS,
                pads=(_TAPS // 2,) * 2,
                **start,
                dtype=self.dtype,
                name=f"conv_{i}",
            )
            x = max_pool_2d(nn.relu(conv(x)), (2, 2))
        x = self._normed(x.reshape(len(x), -1), f"norm_{_BLOCKS}", train)
        top = nn.Dense(self.labels, **keras(x.shape[-1]), dtype=self.dtype, name="top")
        return top(x).astype(jnp.float32)

    def _normed(self, x: jax.Array, name: str, train: bool) -> jax.Array:
        """Batch norm with the defaults of TensorFlow 1, [B ... C] -> same shape."""
        return BatchNorm(0.99, 1e-3, dtype=self.dtype, name=name)(x, train=train)
