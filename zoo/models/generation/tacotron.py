"""Tacotron: characters to spectrograms by attention, several frames at a time, without alignments.

Yuxuan Wang et al., "Tacotron: towards end-to-end speech synthesis", Interspeech 2017, table 1
(sizes remembered, unchecked); what the paper leaves open as in keithito's public code.

- GRUs reset after the product, as cuDNN's; keithito's before it.
- The embedding has a row a symbol of the text's table, the filling's included.
- Attention and convolutions see nothing beyond the end of a text or an utterance; keithito's
  convolutions and attention do.
- The pre-net's dropout stays on when it speaks, as in training; keithito turns it off there
  (`--temperature 0` does).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.cells import GRUCell
from zoo.layers.conv import Conv
from zoo.layers.initializers import GLOROT, fan_uniform, tf_gru
from zoo.layers.lengths import BothWays, mask_frames
from zoo.layers.norm import BatchNorm
from zoo.layers.recurrent import GRU
from zoo.layers.speaking import Memory, Spoken, prenet, weights_of
from zoo.signal.precision import HIGHEST

_DROPPED = 0.5  # of the pre-net's units
CARRIED = -1.0  # bias of a highway's gate at the start: most of its input goes through


class _Carry(NamedTuple):
    """Between two steps of the decoder: states [B H], context [B D]."""

    attention: jax.Array
    decoder: tuple[jax.Array, ...]
    context: jax.Array


class Normed(nn.Module):
    """Convolution, ReLU where asked for, then batch norm, [B T C] -> [B T D]."""

    features: int
    taps: int
    relu: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, known: jax.Array, train: bool) -> jax.Array:
        conv = Conv(self.features, self.taps, kernel_init=GLOROT, dtype=self.dtype, name="conv")
        x = conv(mask_frames(x, known))
        x = nn.relu(x) if self.relu else x
        return BatchNorm(momentum=0.99, epsilon=1e-3, dtype=self.dtype, name="norm")(x, train=train)


class CBHG(nn.Module):
    """A bank of convolutions, highways and a GRU both ways, [B T C] -> [B T 2H].

    bank: taps of its largest convolution, of `filters` each; projection: width of the first of two
    convolutions behind the bank; width: H, of the highways too.
    """

    bank: int
    filters: int
    projection: int
    width: int
    highways: int = 4
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, given: jax.Array, known: jax.Array, train: bool) -> jax.Array:
        parts = [
            Normed(self.filters, k, dtype=self.dtype, name=f"bank_{k}")(given, known, train)
            for k in range(1, self.bank + 1)
        ]
        x = jnp.concatenate(parts, -1)
        there = known.astype(bool)[:, 1:, None]
        after = jnp.where(there, x[:, 1:], x[:, :-1])  # itself at the end
        x = jnp.maximum(x, jnp.concatenate([after, x[:, -1:]], 1))
        x = Normed(self.projection, 3, dtype=self.dtype, name="project_1")(x, known, train)
        last = Normed(given.shape[-1], 3, relu=False, dtype=self.dtype, name="project_2")
        x = last(x, known, train) + given.astype(self.dtype)
        how: Any = {"kernel_init": GLOROT, "dtype": self.dtype}
        if x.shape[-1] != self.width:
            x = nn.Dense(self.width, **how, name="fit")(x)
        for i in range(1, self.highways + 1):
            new = nn.relu(nn.Dense(self.width, **how, name=f"highway_{i}")(x))
            start = nn.initializers.constant(CARRIED)
            gate = nn.Dense(self.width, **how, bias_init=start, name=f"gate_{i}")(x)
            x = x + nn.sigmoid(gate) * (new - x)
        rnn: Any = {**tf_gru(x.shape[-1], self.width), "dtype": self.dtype}
        ahead, back = GRU(self.width, **rnn, name="ahead"), GRU(self.width, **rnn, name="back")
        return BothWays(ahead, back, name="gru")(mask_frames(x, known), known)


class Decoder(nn.Module):
    """One step: (carry, pre-net's output [B P], memory) -> (carry, ([B r M], weights [B L]))."""

    bands: int
    together: int
    width: int
    layers: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, carry: _Carry, given: jax.Array, memory: Memory
    ) -> tuple[_Carry, tuple[jax.Array, jax.Array]]:
        how: Any = {"kernel_init": GLOROT, "dtype": self.dtype}
        read = jnp.concatenate([given.astype(jnp.float32), carry.context], -1)
        attention = self._gru(read.shape[-1], "attention_gru")(read, carry.attention)
        weights = self._weights(attention, memory, how)
        values = memory.values.astype(self.dtype)
        context = jnp.einsum("bl,bld->bd", weights.astype(self.dtype), values).astype(jnp.float32)
        both = jnp.concatenate([attention, context], -1)
        x = nn.Dense(self.width, **how, name="mix")(both).astype(jnp.float32)
        states = []
        for i, state in enumerate(carry.decoder, 1):
            states.append(self._gru(self.width, f"gru_{i}")(x, state))
            x = x + states[-1]
        last = nn.Dense(
            self.together * self.bands, kernel_init=GLOROT, precision=HIGHEST, name="frames"
        )
        made = last(x).reshape(-1, self.together, self.bands)
        return _Carry(attention, tuple(states), context), (made, weights)

    def _gru(self, inputs: int, name: str) -> GRUCell:
        return GRUCell(self.width, dtype=self.dtype, name=name, **tf_gru(inputs, self.width))

    def _weights(self, query: jax.Array, memory: Memory, how: Any) -> jax.Array:
        """Bahdanau's additive attention."""
        asked = nn.Dense(self.width, use_bias=False, **how, name="query")(query)
        mixed = jnp.tanh(asked[:, None] + memory.keys)
        vector: Any = {**how, "kernel_init": fan_uniform(self.width / 3)}  # Glorot's of [D]
        energy = nn.Dense(1, use_bias=False, **vector, name="energy")(mixed)[..., 0]
        return weights_of(energy, memory.known)


class Tacotron(nn.Module):
    """Text [B L] int32 with known [B L] -> `Spoken`: mel frames, `refined` to a linear spectrogram.

    bins: of the linear spectrogram. together: r, frames of a step, by which the number of frames
    must divide. dropout: of the encoder's pre-net. To speak: `remember`, `begin`, then `step` after
    `step`, `refine`.
    """

    symbols: int = 149
    bands: int = 80
    bins: int = 1025
    together: int = 2
    embedding: int = 256
    prenet: tuple[int, ...] = (256, 128)
    bank: int = 16
    post_bank: int = 8
    filters: int = 128
    width: int = 256
    layers: int = 2
    post_projection: int = 256
    dropout: float = 0.5
    dtype: Any = jnp.float32

    receptive_field = math.inf

    def setup(self) -> None:
        how: Any = {"kernel_init": GLOROT, "dtype": self.dtype}
        start = nn.initializers.truncated_normal(0.5)
        self.table = nn.Embed(self.symbols, self.embedding, embedding_init=start)
        self.first = [nn.Dense(width, **how) for width in self.prenet]
        self.drop = nn.Dropout(self.dropout)
        half = self.width // 2
        shared: Any = {"filters": self.filters, "width": half, "dtype": self.dtype}
        self.encoder = CBHG(self.bank, projection=self.filters, **shared)
        self.keys = nn.Dense(self.width, use_bias=False, **how)
        self.prenets = [nn.Dense(width, **how) for width in self.prenet]
        self.decoder = Decoder(self.bands, self.together, self.width, self.layers, self.dtype)
        self.post = CBHG(self.post_bank, projection=self.post_projection, **shared)
        self.linear = nn.Dense(self.bins, kernel_init=GLOROT, precision=HIGHEST)

    def __call__(
        self,
        text: jax.Array,
        text_known: jax.Array,
        frames: jax.Array,
        known: jax.Array,
        *,
        train: bool = False,
    ) -> Spoken:
        if frames.shape[1] % self.together:
            raise BadInput(f"{frames.shape[1]} frames: give a multiple of {self.together}")
        memory = self.remember(text, text_known, train=train)
        last = frames[:, self.together - 1 :: self.together]  # of each step
        before = jnp.pad(last[:, :-1], ((0, 0), (1, 0), (0, 0)))
        shape = (*before.shape[:-1], sum(self.prenet))
        chances = jax.random.uniform(self.make_rng("dropout"), shape)
        given = prenet(self.prenets, before, chances, _DROPPED)
        scan = nn.scan(
            lambda decoder, carry, x, memory: decoder(carry, x, memory),
            variable_broadcast="params",
            split_rngs={"params": False},
            in_axes=(1, nn.broadcast),
            out_axes=1,
        )
        _, (made, weights) = scan(self.decoder, self.begin(memory), given, memory)
        made = made.reshape(frames.shape)
        stop = jnp.zeros(frames.shape[:2])
        return Spoken(made, self.refine(made, known, train=train), stop, weights)

    def remember(self, text: jax.Array, known: jax.Array, *, train: bool = False) -> Memory:
        """What is read of a text."""
        x = self.table(text)
        for layer in self.first:
            x = self.drop(nn.relu(layer(x)), deterministic=not train)
        values = self.encoder(x, known, train)
        return Memory(values, self.keys(values), known)

    def begin(self, memory: Memory) -> _Carry:
        """The decoder's first state."""
        rows, _, width = memory.values.shape
        state = jnp.zeros((rows, self.width))
        return _Carry(state, (state,) * self.layers, jnp.zeros((rows, width)))

    def step(
        self, carry: _Carry, frame: jax.Array, memory: Memory, chances: jax.Array, drop: jax.Array
    ) -> tuple[_Carry, tuple[jax.Array, jax.Array, jax.Array]]:
        """The next r frames [B r M], zeros [B] and weights [B L], after `frame` [B M].

        chances: uniform numbers [B P] that decide what the pre-net drops, each with probability
        `drop`.
        """
        given = prenet(self.prenets, frame, chances, drop)
        carry, (made, weights) = self.decoder(carry, given, memory)
        return carry, (made, jnp.zeros(len(frame)), weights)

    def refine(self, frames: jax.Array, known: jax.Array, *, train: bool = False) -> jax.Array:
        """Mel frames [B F M] -> linear spectrogram [B F N]."""
        return self.linear(self.post(frames, known, train).astype(jnp.float32))
