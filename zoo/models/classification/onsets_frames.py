"""Onsets and Frames: which piano keys begin, sound and end in every 32 ms of audio.

Hawthorne, Elsen, Song, Roberts, Simon, Raffel, Engel, Oore, Eck, ISMIR 2018, arXiv 1710.11153
(`V1`), and its larger form with offsets in the MAESTRO paper, ICLR 2019, arXiv 1810.12247 (`V2`).
Fields default to the PyTorch port by jongwook at complexity 48 (26,491,256 parameters), whose
recurrent layers have 384 units a direction; the authors' own have 256 (`V2`).

Deviations and guesses
- sizes of V1 are reported, unchecked; its count (ours) is not published;
- velocities are learnt as MIDI / 128, as in the port; the authors use (MIDI - 10) / 80.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv2d import Conv2D
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import max_pool_2d
from zoo.layers.recurrent import LSTM
from zoo.signal import mel

SPEC = mel.MelSpec(
    16_000, 2048, 512, 229, partial(mel.log_clamp, floor=1e-5), exponent=1, low=30.0,
    high=8000.0, scale="htk",
)  # fmt: skip
V1: dict[str, Any] = {
    "filters": (32, 32, 64), "dense": 512, "recurrent": 128, "offsets": False,
}  # fmt: skip
V2: dict[str, Any] = {"recurrent": 256}
PORT: dict[str, Any] = {}
KEYS = 88  # of a piano


class ConvStack(nn.Module):
    """Log mel frames [B F M 1] -> features [B F D]; pools frequency by four, never time."""

    filters: tuple[int, int, int] = (48, 48, 96)
    dense: int = 768
    dropout: tuple[float, float] = (0.25, 0.5)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        for index, features in enumerate(self.filters):
            x = Conv2D(features, 3, pads=(1, 1), dtype=self.dtype, name=f"conv_{index}")(x)
            norm = BatchNorm(dtype=self.dtype, name=f"norm_{index}")
            x = nn.relu(norm(x, train=train))
            if index:
                x = max_pool_2d(x, (1, 2))
                x = nn.Dropout(self.dropout[0], deterministic=not train)(x)
        x = x.reshape(*x.shape[:2], -1)
        x = nn.Dense(self.dense, dtype=self.dtype, name="dense")(x)
        return nn.Dropout(self.dropout[1], deterministic=not train)(x)


class OnsetsFrames(nn.Module):
    """Audio [B T 1] at 16 kHz -> logits [B F K] by name, F = T / 512: onsets, offsets, frames.

    'velocities' [B F K] are no logits but MIDI velocity / 128, meant where a note begins. The
    frames see the other heads' probabilities but do not teach them. offsets: whether they exist.
    dropout: the rates after each pooling and after the dense layer. priors: the biases that heads
    of beginnings and ends, and of frames, begin with: the logit of how often a key does so.
    """

    filters: tuple[int, int, int] = (48, 48, 96)
    dense: int = 768
    recurrent: int = 384
    dropout: tuple[float, float] = (0.25, 0.5)
    priors: tuple[float, float] = (0.0, 0.0)
    offsets: bool = True
    keys: int = KEYS
    spec: mel.MelSpec = SPEC
    dtype: Any = jnp.float32

    receptive_field = math.inf  # it is recurrent, both ways

    @nn.compact
    def __call__(self, audio: jax.Array, *, train: bool = False) -> dict[str, jax.Array]:
        x = self.features(audio)[..., None]

        def stack(name: str) -> jax.Array:
            module = ConvStack(
                self.filters, self.dense, self.dropout, self.dtype, name=f"{name}_stack"
            )
            return module(x, train=train)

        rare, common = self.priors
        priors = {"onset": rare, "offset": rare, "frame": common, "combined": common}

        def top(name: str, x: jax.Array) -> jax.Array:
            prior = nn.initializers.constant(priors.get(name, 0.0))
            dense = nn.Dense(self.keys, bias_init=prior, dtype=self.dtype, name=f"{name}_top")
            return dense(x).astype(jnp.float32)

        def sequence(name: str, x: jax.Array) -> jax.Array:
            lstm = LSTM(self.recurrent, bidirectional=True, dtype=self.dtype, name=f"{name}_lstm")
            return top(name, lstm(x)[0])

        heads = {"onsets": sequence("onset", stack("onset"))}
        if self.offsets:
            heads["offsets"] = sequence("offset", stack("offset"))
        known = [jax.lax.stop_gradient(jax.nn.sigmoid(head)) for head in heads.values()]
        activation = jax.nn.sigmoid(top("frame", stack("frame")))
        frames = sequence("combined", jnp.concatenate([*known, activation], -1))
        return {**heads, "frames": frames, "velocities": top("velocity", stack("velocity"))}

    @nn.nowrap
    def features(self, audio: jax.Array) -> jax.Array:
        """The front end: audio [B T 1] -> log mel frames [B F M], frame f centred on f x hop."""
        hop = self.spec.hop
        if audio.ndim != 3 or audio.shape[-1] != 1 or audio.shape[1] % hop:
            raise BadInput(
                f"audio {audio.shape}: give mono [B T 1] with T a multiple of {hop} samples"
            )
        return mel.log_mel(audio[:, :-1], self.spec)[..., 0]
