"""SampleRNN: recurrent tiers over frames of samples, and a small network for each sample.

Mehri et al., ICLR 2017, arXiv 1612.07837, table 1: 2 tiers with frames=(16,), layers=3, or 3 tiers
with frames=(2, 8), layers=1. Of the same numbers of parameters as samplernn-pytorch by deepsound.

Deviations and guesses
- frames enter as twice the code on an even grid over [-1, 1], as in public code;
- the RNN's own matrices have no weight normalisation, all others have;
- the sample network has one hidden layer after the sum of samples and condition, each with ReLU;
- an LSTM has one bias per gate (forget 3), a GRU two as in torch; weights start as in the
  released code (those of an LSTM, LeCun-uniform).
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.distributions import Categorical
from zoo.errors import BadInput
from zoo.layers.conv import Conv, TransposedConv
from zoo.layers.initializers import HE, LECUN_UNIFORM, ORTHOGONAL, fan_uniform, per_gate
from zoo.layers.matvec import matvec
from zoo.layers.norm import plain_kernel
from zoo.layers.recurrent import GRU, LSTM, gru_update, lstm_update

_Carry = dict[str, Any]
_Folded = dict[str, Any]
STATES = {"gru": 1, "lstm": 2}  # vectors that a cell carries


class Tier(nn.Module):
    """A stack of RNNs over frames [B F f] -> (conditions for the tier below [B F*ratio D], hidden).

    condition [B F D] comes from the tier above. Rows that are `fresh` [B] start from the learnt
    initial state instead of `hidden`.
    """

    ratio: int
    width: int
    layers: int
    cell: str
    weight_norm: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, frames: jax.Array, condition: jax.Array | float, hidden: Any, fresh: jax.Array
    ) -> tuple[jax.Array, Any]:
        options = {"weight_norm": self.weight_norm, "dtype": self.dtype}
        x = Conv(self.width, 1, kernel_init=HE, name="expand", **options)(frames) + condition
        pair = () if self.cell == "gru" else (2,)
        start = self.param("start", nn.initializers.zeros, (self.layers, *pair, self.width))
        begun = _started(start, hidden, fresh)
        hidden = []
        for i, state in enumerate(begun):
            x, state = self._rnn(f"rnn_{i}")(x, state)
            hidden.append(state)
        spread = TransposedConv(
            self.width,
            self.ratio,
            self.ratio,
            use_bias=False,
            name="upsample",
            **options,
            kernel_init=fan_uniform(self.width / 6),
        )(x)
        bias = self.param("upsample_bias", nn.initializers.zeros, (self.ratio, self.width))
        return spread + jnp.tile(bias.astype(self.dtype), (x.shape[1], 1)), tuple(hidden)

    def _rnn(self, name: str) -> GRU | LSTM:
        if self.cell == "gru":
            recurrent = per_gate(LECUN_UNIFORM, LECUN_UNIFORM, ORTHOGONAL)
            return GRU(
                self.width,
                kernel_init=LECUN_UNIFORM,
                recurrent_init=recurrent,
                dtype=self.dtype,
                name=name,
            )
        return LSTM(
            self.width,
            recurrent_bias=False,
            bias_init=_forgetting,
            kernel_init=LECUN_UNIFORM,
            recurrent_init=LECUN_UNIFORM,
            dtype=self.dtype,
            name=name,
        )


class SampleRNN(nn.Module):
    """Raw parameters of the next sample's distribution, audio [B T 1] -> [B T Q].

    raw[t] is made from audio[:t] only, with silence before the first sample. frames: samples per
    frame of each recurrent tier, the lowest first; each divides the next, the last divides T.
    """

    frames: tuple[int, ...] = (16,)
    layers: int = 3
    width: int = 1024
    embedding: int = 256
    cell: str = "gru"
    distribution: Categorical = Categorical(256, "linear")
    weight_norm: bool = True
    dtype: Any = jnp.float32

    receptive_field = math.inf  # it is recurrent
    native = "tiers"  # its compiled loop: zoo/sampling/engines.py

    def setup(self) -> None:
        if self.cell not in STATES:
            raise BadInput(f"cell '{self.cell}' is unknown; use {' or '.join(STATES)}")
        if not self.distribution.symbols:
            raise BadInput("SampleRNN embeds codes: its distribution must be a Categorical")
        if not self.frames or any(above % f for f, above in zip((1, *self.frames), self.frames)):
            raise BadInput(f"frames {self.frames}: each must divide the next, as in (2, 8)")
        options = {"weight_norm": self.weight_norm, "dtype": self.dtype}
        self.tiers = [
            Tier(ratio, self.width, self.layers, self.cell, name=f"tier_{i}", **options)
            for i, ratio in enumerate(self.ratios)
        ]
        codes = self.distribution.symbols
        self.embed = nn.Embed(
            codes, self.embedding, embedding_init=nn.initializers.normal(1.0), dtype=self.dtype
        )
        self.enter = Conv(
            self.width, self.frames[0], padding="valid", use_bias=False, kernel_init=HE, **options
        )
        self.hidden = Conv(self.width, 1, kernel_init=HE, **options)
        self.output = Conv(
            codes, 1, kernel_init=LECUN_UNIFORM, weight_norm=self.weight_norm
        )  # logits in float32

    @property
    def ratios(self) -> tuple[int, ...]:
        """Frames of the tier below, or samples, under one frame of each tier."""
        return tuple(above // below for below, above in zip((1, *self.frames), self.frames))

    @property
    def hop(self) -> int:
        """Samples that are drawn from one state of the top tier."""
        return self.frames[-1]

    def __call__(self, audio: jax.Array, *, train: bool = False) -> jax.Array:
        return self.window(audio, self.initial(audio.shape[0]))[0]

    def window(
        self, audio: jax.Array, carry: _Carry, *, train: bool = False
    ) -> tuple[jax.Array, _Carry]:
        """(raw [B T Q], carry) of audio [B T 1] that follows on what `carry` has seen."""
        if audio.ndim != 3 or audio.shape[-1] != 1 or audio.shape[1] % self.hop:
            raise BadInput(f"audio is {audio.shape}, not [B T 1] with T a multiple of {self.hop}")
        length, joined = audio.shape[1], jnp.concatenate([carry["past"], audio[..., 0]], axis=1)
        condition: jax.Array | float = 0.0
        hidden: list[Any] = [None] * len(self.frames)
        for i in reversed(range(len(self.frames))):
            frames = joined[:, self.hop - self.frames[i] :][:, :length]
            frames = self._real(frames).reshape(-1, length // self.frames[i], self.frames[i])
            condition, hidden[i] = self.tiers[i](
                frames, condition, carry["hidden"][i], carry["fresh"]
            )
        before = joined[:, self.hop - self.frames[0] : -1]
        x = self.enter(self.embed(self.distribution.encode(before)))
        raw = self.output(nn.relu(self.hidden(nn.relu(x + condition))))
        return raw, self._carry(joined[:, -self.hop :], tuple(hidden))

    def restart(self, carry: _Carry, reset: jax.Array) -> _Carry:
        """The carry with the rows of `reset` [B] as `initial` has them."""
        past = jnp.where(reset[:, None], 0.0, carry["past"])
        return {**carry, "past": past, "fresh": carry["fresh"] | reset}

    def _real(self, audio: jax.Array) -> jax.Array:
        return (2 * self.distribution.inputs(audio)).astype(self.dtype)

    def _carry(self, past: jax.Array, hidden: Any) -> _Carry:
        return {"past": past, "hidden": hidden, "fresh": jnp.zeros(past.shape[0], bool)}

    # From here on, sampling: see zoo/sampling/autoregressive.py for who calls what.

    def initial(self, batch: int) -> _Carry:
        """Silence before the first sample; the RNNs stand at their learnt initial states."""

        def state() -> Any:  # arrays of their own, because the sampler donates them
            cell = [jnp.zeros((batch, self.width)) for _ in range(STATES[self.cell])]
            return tuple(cell) if self.cell == "lstm" else cell[0]

        hidden = tuple(tuple(state() for _ in range(self.layers)) for _ in self.frames)
        carry = self._carry(jnp.zeros((batch, self.hop)), hidden)
        return {**carry, "fresh": jnp.ones(batch, bool)}

    def prime(self, audio: jax.Array) -> _Carry:
        """The carry after audio [B T 1]; silence fills its first frame where it is not whole."""
        audio = jnp.pad(audio, ((0, 0), (-audio.shape[1] % self.hop, 0), (0, 0)))
        return self.window(audio, self.initial(audio.shape[0]))[1]

    def fold(self) -> _Folded:
        """The weights as `frame` wants them: neighbouring linear maps multiplied out.

        Matrices lie transposed, as `_through` takes them.
        """
        params = self.variables["params"]
        tiers, below = [], None
        # GPUs and TPUs would round what are weights from now on.
        with jax.default_matmul_precision("highest"):
            for i in range(len(self.frames)):
                tiers.append(_folded_tier(params[f"tier_{i}"], below, self.layers))
                below = params[f"tier_{i}"]["rnn_0"]["kernel"]
            codes, enter = params["embed"]["embedding"], plain_kernel(params["enter"], 2)
            table = jnp.einsum("qe,ked->kqd", codes, enter)
        folded = {"tiers": tiers, "table": table}
        for name in ("hidden", "output"):
            folded[name] = (plain_kernel(params[name], 2)[0].T, params[name]["bias"])
        low = jax.tree.map(lambda leaf: leaf.astype(self.dtype), folded)
        return {**low, "output": folded["output"]}

    def frame(
        self,
        folded: _Folded,
        carry: _Carry,
        x: jax.Array,
        condition: None,
        noise: jax.Array,
        draw: Any,
    ) -> tuple[_Carry, jax.Array, jax.Array]:
        """The next `hop` samples, their nats; noise [hop B n]. The carry knows the last samples."""
        hidden = tuple(
            _started(weights["start"], state, carry["fresh"])
            for weights, state in zip(folded["tiers"], carry["hidden"])
        )
        top = len(self.frames) - 1
        past, hidden, nats = self._descend(top, folded, carry["past"], hidden, 0.0, noise, draw)
        return self._carry(past, hidden), past, nats.T

    def _descend(
        self,
        tier: int,
        folded: _Folded,
        past: jax.Array,
        hidden: Any,
        added: Any,
        noise: Any,
        draw: Any,
    ) -> tuple[jax.Array, Any, jax.Array]:
        """One frame of `tier` and all below it -> past, hidden of tiers up to it, nats [n B]."""
        if tier < 0:
            past, log_prob = self._sample(folded, past, added, noise[0], draw)
            return past, (), log_prob.T
        weights = folded["tiers"][tier]
        frame = self._real(past[:, -self.frames[tier] :])
        gates = frame @ weights["frame"] + weights["bias"] + added
        out, state = self._cells(weights, gates, hidden[tier])
        extra = matvec(weights["up"], out) + weights["up_bias"]
        extra = extra.reshape(len(out), self.ratios[tier], -1).swapaxes(0, 1)
        noise = noise.reshape(self.ratios[tier], -1, *noise.shape[1:])

        def body(loop: tuple[jax.Array, Any], now: tuple[jax.Array, jax.Array]) -> Any:
            past, lower, nats = self._descend(tier - 1, folded, *loop, *now, draw)
            return (past, lower), nats

        (past, lower), nats = jax.lax.scan(body, (past, hidden[:tier]), (extra, noise))
        return past, (*lower, state), nats.reshape(-1, len(past))

    def _cells(self, weights: _Folded, gates: jax.Array, hidden: Any) -> tuple[jax.Array, Any]:
        states: list[Any] = []
        out, gru = gates, self.cell == "gru"
        for layer, state in zip(weights["layers"], hidden):
            if states:
                gates = matvec(layer["kernel"], out) + layer["bias"]
            recurrent = matvec(layer["recurrent_kernel"], state if gru else state[0])
            if gru:
                out = state = gru_update(gates, recurrent + layer["recurrent_bias"], state)
            else:
                out, _ = state = lstm_update(gates + recurrent, state)
            states.append(state)
        return out, tuple(states)

    def _sample(
        self, folded: _Folded, past: jax.Array, added: jax.Array, noise: jax.Array, draw: Any
    ) -> tuple[jax.Array, jax.Array]:
        codes, table = self.distribution.encode(past[:, -self.frames[0] :]), folded["table"]
        x = nn.relu(table[jnp.arange(self.frames[0]), codes].sum(1) + added)
        (hidden, bias), (output, last) = folded["hidden"], folded["output"]
        raw = matvec(output, nn.relu(matvec(hidden, x) + bias)) + last
        new, log_prob = draw(raw, noise)
        return jnp.concatenate([past[:, 1:], new], axis=1), log_prob


def _forgetting(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """Biases [4D] of an LSTM: 3 for the forget gate, the second of four."""
    return jnp.repeat(jnp.array([0.0, 3.0, 0.0, 0.0], dtype), shape[0] // 4)


def _started(start: jax.Array, hidden: Any, fresh: jax.Array) -> Any:
    """The states of a tier's layers; the learnt one [layers (2) D] in rows that are fresh."""
    begin = tuple(layer if layer.ndim == 1 else (layer[0], layer[1]) for layer in start)
    return jax.tree.map(
        lambda s, h: jnp.where(fresh[:, None], s.astype(h.dtype), h), begin, tuple(hidden)
    )


def _folded_tier(params: Any, below: jax.Array | None, layers: int) -> _Folded:
    """`below` [D G] is the first thing that a tier below does with its condition."""
    rnn = [dict(params[f"rnn_{i}"]) for i in range(layers)]
    first = {name: rnn[0].pop(name) for name in ("kernel", "bias")}
    up, up_bias = plain_kernel(params["upsample"], 1), params["upsample_bias"]
    if below is not None:
        up, up_bias = up @ below, up_bias @ below
    return {
        "start": params["start"],
        "frame": plain_kernel(params["expand"], 2)[0] @ first["kernel"],
        "bias": params["expand"]["bias"] @ first["kernel"] + first["bias"],
        "layers": [{k: v.T for k, v in layer.items()} for layer in rnn],
        "up": up.swapaxes(1, 2).reshape(-1, up.shape[1]),  # one product for the whole frame
        "up_bias": up_bias.reshape(-1),
    }
