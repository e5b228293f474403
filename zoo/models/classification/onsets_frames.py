"""Onsets and Frames: which piano keys begin, sound and end in every 32 ms of audio.

Hawthorne, Elsen, Song, Roberts, Simon, Raffel, Engel, Oore, Eck, ISMIR 2018, arXiv 1710.11153
(`V1`), and its larger form with offsets in the MAESTRO paper, ICLR 2019, arXiv 1810.12247.

`MAGENTA` is the authors' released code: power in decibels, 80 below the peak, convolutions without
bias, batch norm with an offset alone, ReLU behind the dense layer, a quarter of the pooled features
kept in training, 256 recurrent units a direction, its own initial weights. The fields default to
the PyTorch port by jongwook at complexity 48 (26,491,256 parameters): logarithm of the modulus, no
ReLU there, three quarters kept, 384 units, PyTorch's initial weights.

Deviations and guesses
- sizes of V1 are reported, unchecked; its count (ours) is not published;
- the peak is that of the window at hand, in the authors' code that of the whole clip.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv2d import Conv2D
from zoo.layers.initializers import (
    GLOROT,
    SLIM,
    LayerInit,
    contrib_cudnn,
    fan_uniform,
    torch,
    torch_recurrent,
)
from zoo.layers.norm import BatchNorm
from zoo.layers.pool import max_pool_2d
from zoo.layers.recurrent import LSTM
from zoo.signal import mel
from zoo.tuning import PIANO_KEYS

_SPEC = mel.MelSpec(
    16_000,
    2048,
    512,
    229,
    partial(mel.log_clamp, floor=1e-5),
    exponent=1,
    low=30.0,
    high=8000.0,
    scale="htk",
)
DECIBELS = mel.MelSpec(
    16_000,
    2048,
    512,
    229,
    partial(mel.power_to_db, top=80.0),
    low=30.0,
    high=8000.0,
    scale="htk",
)
_Layout = Literal["port", "magenta"]
V1: dict[str, Any] = {
    "filters": (32, 32, 64),
    "dense": 512,
    "recurrent": 128,
    "offsets": False,
}
MAGENTA: dict[str, Any] = {
    "recurrent": 256,
    "dropout": (0.75, 0.5),
    "layout": "magenta",
    "spec": DECIBELS,
}
PORT: dict[str, Any] = {}


class ConvStack(nn.Module):
    """Log mel frames [B F M 1] -> features [B F D]; pools frequency by four, never time."""

    filters: tuple[int, int, int] = (48, 48, 96)
    dense: int = 768
    dropout: tuple[float, float] = (0.25, 0.5)
    layout: _Layout = "port"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        port = self.layout == "port"
        kind = BatchNorm if port else partial(BatchNorm, 0.999, 1e-3, use_scale=False)
        for index, features in enumerate(self.filters):
            starts = self._starts(9 * x.shape[-1])
            conv = Conv2D(
                features,
                3,
                pads=(1, 1),
                use_bias=port,
                dtype=self.dtype,
                **starts,
                name=f"conv_{index}",
            )
            norm = kind(dtype=self.dtype, name=f"norm_{index}")
            x = nn.relu(norm(conv(x), train=train))
            if index:
                x = max_pool_2d(x, (1, 2))
                x = nn.Dropout(self.dropout[0], deterministic=not train)(x)
        x = x.reshape(*x.shape[:2], -1)
        starts = self._starts(x.shape[-1])
        x = nn.Dense(self.dense, dtype=self.dtype, **starts, name="dense")(x)
        x = x if port else nn.relu(x)
        return nn.Dropout(self.dropout[1], deterministic=not train)(x)

    def _starts(self, fan: int) -> LayerInit:
        zeros = nn.initializers.zeros
        return torch(fan) if self.layout == "port" else {"kernel_init": SLIM, "bias_init": zeros}


class OnsetsFrames(nn.Module):
    """Audio [B T 1] at 16 kHz -> logits [B F K] by name, F = T / 512: onsets, offsets, frames.

    'velocities' [B F K] are no logits but shares of some velocity, meant where a note begins. The
    frames see the other heads' probabilities but do not teach them. offsets: whether they exist.
    dropout: the rates after each pooling and after the dense layer. priors: the what is added
    to the biases that heads of beginnings and ends, and of frames, begin with: the logit of how
    often a key does so. layout: whose layers and initial weights, the port's or the authors'.
    """

    filters: tuple[int, int, int] = (48, 48, 96)
    dense: int = 768
    recurrent: int = 384
    dropout: tuple[float, float] = (0.25, 0.5)
    priors: tuple[float, float] = (0.0, 0.0)
    offsets: bool = True
    keys: int = PIANO_KEYS
    layout: _Layout = "port"
    spec: mel.MelSpec = _SPEC
    dtype: Any = jnp.float32

    receptive_field = math.inf  # it is recurrent, both ways

    @nn.compact
    def __call__(self, audio: jax.Array, *, train: bool = False) -> dict[str, jax.Array]:
        x = self.features(audio)[..., None]

        def stack(name: str) -> jax.Array:
            module = ConvStack(
                self.filters,
                self.dense,
                self.dropout,
                self.layout,
                self.dtype,
                name=f"{name}_stack",
            )
            return module(x, train=train)

        rare, common = self.priors
        priors = {"onset": rare, "offset": rare, "frame": common, "combined": common}

        def top(name: str, x: jax.Array) -> jax.Array:
            starts = self._top_starts(x.shape[-1], priors.get(name, 0.0))
            dense = nn.Dense(self.keys, **starts, dtype=self.dtype, name=f"{name}_top")
            return dense(x).astype(jnp.float32)

        def sequence(name: str, x: jax.Array) -> jax.Array:
            starts = torch_recurrent if self.layout == "port" else contrib_cudnn
            lstm = LSTM(
                self.recurrent,
                bidirectional=True,
                dtype=self.dtype,
                name=f"{name}_lstm",
                **starts(self.recurrent),
            )
            return top(name, lstm(x)[0])

        heads = {"onsets": sequence("onset", stack("onset"))}
        if self.offsets:
            heads["offsets"] = sequence("offset", stack("offset"))
        known = [jax.lax.stop_gradient(jax.nn.sigmoid(head)) for head in heads.values()]
        activation = jax.nn.sigmoid(top("frame", stack("frame")))
        if self.layout == "magenta":  # its order: onset, activation, offset
            known.insert(1, activation)
        else:
            known.append(activation)
        frames = sequence("combined", jnp.concatenate(known, -1))
        return {**heads, "frames": frames, "velocities": top("velocity", stack("velocity"))}

    @nn.nowrap
    def _top_starts(self, fan: int, prior: float) -> LayerInit:
        """Of a head: its bias starts around `prior`."""
        if self.layout == "magenta":
            return {"kernel_init": GLOROT, "bias_init": nn.initializers.constant(prior)}

        def bias(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
            return prior + fan_uniform(fan)(key, shape, dtype)

        return {"kernel_init": fan_uniform(fan), "bias_init": bias}

    @nn.nowrap
    def features(self, audio: jax.Array) -> jax.Array:
        """The front end: audio [B T 1] -> log mel frames [B F M], frame f centred on f x hop."""
        hop = self.spec.hop
        if audio.ndim != 3 or audio.shape[-1] != 1 or audio.shape[1] % hop:
            raise BadInput(
                f"audio {audio.shape}: give mono [B T 1] with T a multiple of {hop} samples"
            )
        return mel.log_mel(audio[:, :-1], self.spec)[..., 0]
