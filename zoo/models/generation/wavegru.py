"""WaveGRU (Kleijn et al., ICASSP 2021), the decoder of Lyra: a GRU that draws four bands at a time.

Sizes and arithmetic are those of google/lyra v0.0.2 (Apache-2.0), whose weights load: frames of 160
log mels every 640 samples, a causal convolution, three residual dilated ones, three that double the
rate, and a GRU of 1024 units that gives four samples a step, one per band of 4 kHz.
Deviations: float32 and dense where the codec is bfloat16 or 16-bit and sparse; no vector
quantisation of the frames, no packets. In training a likelihood alone: the paper's regularisation
of the predicted variance is left out.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv import Conv
from zoo.layers.initializers import GLOROT, ORTHOGONAL
from zoo.layers.recurrent import gru_scan, gru_update
from zoo.signal.mixtures import SoftplusLogistics
from zoo.signal.precision import HIGHEST

_DILATIONS = (1, 2, 4)
UPSAMPLINGS = 3  # each doubles the rate of the frames
_SILENCE = math.log(500.0) / 10  # of a frame: the floor of Lyra's log mels


class WaveGRU(nn.Module):
    """Interleaved bands to raw parameters: [B T 1] and frames [B F M] -> [B T P].

    Of four bands sample 4 t + b is band b at step t. A frame becomes `frame_hop` samples.
    """

    width: int = 1024
    condition_width: int = 512
    hidden: int = 512
    features: int = 160
    frame_hop: int = 640
    bands: int = 4
    distribution: SoftplusLogistics = SoftplusLogistics()
    dtype: Any = jnp.float32

    receptive_field = math.inf  # its state

    @property
    def hop(self) -> int:
        """Samples that are drawn from one state."""
        return self.bands

    @property
    def steps(self) -> int:
        """Steps of the GRU that share a column of the condition."""
        return self.frame_hop // self.bands // 2**UPSAMPLINGS

    def setup(self) -> None:
        wide = self.condition_width
        own: dict[str, Any] = {"dtype": self.dtype, "kernel_init": GLOROT}
        self.first = Conv(wide, 3, padding="valid", **own)
        self.stack = [Conv(wide, 2, dilation=d, padding="causal", **own) for d in _DILATIONS]
        self.doubling = [nn.Dense(2 * wide, **own) for _ in range(UPSAMPLINGS)]
        self.column = nn.Dense(self.width, **own)
        self.to_gates = nn.Dense(3 * self.width, **own)
        zeros = nn.initializers.zeros
        gates = (3 * self.width,)
        self.samples_kernel = self.param("samples_kernel", GLOROT, (self.bands, *gates))
        self.samples_bias = self.param("samples_bias", zeros, gates)
        self.recurrent_kernel = self.param("recurrent_kernel", ORTHOGONAL, (self.width, *gates))
        self.recurrent_bias = self.param("recurrent_bias", zeros, gates)
        self.projection = nn.Dense(self.hidden, **own)
        outputs = self.bands * self.distribution.components
        exact: dict[str, Any] = {"precision": HIGHEST, "kernel_init": GLOROT}
        self.mix, self.means, self.scales = (nn.Dense(outputs, **exact) for _ in range(3))

    def __call__(self, x: jax.Array, condition: jax.Array, *, train: bool = False) -> jax.Array:
        count, length = len(x), x.shape[1] // self.bands
        before = jnp.pad(x.reshape(count, length, self.bands), ((0, 0), (1, 0), (0, 0)))[:, :-1]
        columns = self.gates_of_columns(self.conditioned(condition))
        gates = jnp.repeat(columns, self.steps, 1)[:, :length]
        kernel = self.samples_kernel.astype(self.dtype)
        inputs = gates + before.astype(self.dtype) @ kernel + self.samples_bias
        begun = jnp.zeros((count, self.width))
        kernel = self.recurrent_kernel.astype(self.dtype)
        inputs = inputs.astype(self.dtype).swapaxes(0, 1)
        states, _ = gru_scan(inputs, kernel, self.recurrent_bias.astype(self.dtype), begun)
        return self._raw(states.swapaxes(0, 1)).reshape(count, -1, self.distribution.parameters)

    def conditioned(self, frames: jax.Array) -> jax.Array:
        """Frames [B F M] -> [B F C], each from itself and nine before it; silence stands before."""
        padded = jnp.pad(frames, ((0, 0), (1, 0), (0, 0)), constant_values=_SILENCE)
        x = self.first(jnp.pad(padded, ((0, 0), (1, 0), (0, 0))))
        for layer in self.stack:
            x = x + layer(nn.relu(x))
        return x

    def gates_of_columns(self, x: jax.Array) -> jax.Array:
        """What `conditioned` gives [B F C] -> gates [B 8 F 3D], one column for each of eight."""
        for layer in self.doubling:
            x = nn.relu(layer(x)).reshape(len(x), 2 * x.shape[1], -1)
        return self.to_gates(self.column(x)).astype(jnp.float32)

    def quarters(self, x: jax.Array) -> jax.Array:
        """Of a sample the part of its step's gates that is its band's, [B F C] -> [B T 3D/4]."""
        columns = self.gates_of_columns(x)
        parts = columns.reshape(*columns.shape[:2], 1, self.bands, -1)
        parts = jnp.broadcast_to(parts, (*columns.shape[:2], self.steps, *parts.shape[3:]))
        return parts.reshape(len(x), -1, parts.shape[-1])

    def _raw(self, states: jax.Array) -> jax.Array:
        """States [... D] -> raw parameters [... bands P]."""
        hidden = nn.relu(self.projection(states))
        parts = (layer(hidden) for layer in (self.mix, self.means, self.scales))
        shape = (*states.shape[:-1], self.bands, self.distribution.components)
        return jnp.concatenate([part.reshape(shape) for part in parts], -1)

    def initial(self, batch: int) -> dict[str, jax.Array]:
        """The state before the first step [B D], and the samples of the one before [B bands]."""
        return {"state": jnp.zeros((batch, self.width)), "last": jnp.zeros((batch, self.bands))}

    def fold(self) -> dict[str, Any]:
        """The weights of a step."""
        names = ("samples_kernel", "samples_bias", "recurrent_kernel", "recurrent_bias")
        layers = ("projection", "mix", "means", "scales")
        params = self.variables["params"]
        return {name: params[name] for name in (*names, *layers)}

    def frame(
        self,
        folded: dict[str, Any],
        carry: dict[str, jax.Array],
        x: jax.Array,
        condition: jax.Array,
        noise: jax.Array,
        draw: Any,
    ) -> tuple[dict[str, jax.Array], jax.Array, jax.Array]:
        """A step: gates [bands B 3D/4], noise [bands B n] -> (carry, [B bands] twice)."""
        gates = jnp.moveaxis(condition, 0, 1).reshape(len(x), -1)
        inputs = gates + carry["last"] @ folded["samples_kernel"] + folded["samples_bias"]
        recurrent = carry["state"] @ folded["recurrent_kernel"] + folded["recurrent_bias"]
        state = gru_update(inputs, recurrent, carry["state"])
        raw = self._raw_of(folded, state)
        drawn = [draw(raw[:, band], noise[band]) for band in range(self.bands)]
        new, log_prob = (jnp.concatenate(parts, 1) for parts in zip(*drawn))
        return {"state": state, "last": new}, new, log_prob

    def _raw_of(self, folded: dict[str, Any], state: jax.Array) -> jax.Array:
        def dense(name: str, x: jax.Array) -> jax.Array:
            return jnp.matmul(x, folded[name]["kernel"], precision=HIGHEST) + folded[name]["bias"]

        hidden = nn.relu(dense("projection", state))
        parts = [dense(name, hidden) for name in ("mix", "means", "scales")]
        shape = (len(state), self.bands, self.distribution.components)
        return jnp.concatenate([part.reshape(shape) for part in parts], -1)
