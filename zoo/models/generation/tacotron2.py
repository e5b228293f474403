"""Tacotron 2: characters to mel spectrograms by location-sensitive attention.

Jonathan Shen et al., "Natural TTS synthesis by conditioning WaveNet on mel spectrogram
predictions", ICASSP 2018, section 2.2; sizes and what the paper leaves open as in NVIDIA's public
module, whose 28,193,153 parameters it has.

- The paper's decoder LSTMs are regularised by zoneout of .1, NVIDIA's by dropout of .1: `held`.
  The encoder's LSTM has neither, as in NVIDIA's; the paper has zoneout there, too.
- The pre-net's dropout stays on when it speaks; it is the network's only chance.
- Convolutions see zeros beyond the end of every text and utterance, so that filling changes
  nothing; NVIDIA's see an embedding of the filling in training, and zeros when it speaks.
- The WaveNet vocoder is a system of its own here (`zoo/models/generation/wavenet.py`).
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.cells import LSTMCell
from zoo.layers.conv import Conv
from zoo.layers.initializers import fan_uniform, torch, torch_recurrent
from zoo.layers.lengths import BothWays, mask_frames
from zoo.layers.norm import BatchNorm
from zoo.layers.recurrent import LSTM, LstmCarry
from zoo.layers.speaking import Memory, Spoken, prenet, weights_of
from zoo.signal.precision import HIGHEST

_DROPPED = 0.5  # of the pre-net's units
GAINS = {"linear": 1.0, "relu": 2.0, "tanh": 25 / 9}  # torch's calculate_gain, squared


def _xavier(gain: str = "linear") -> nn.initializers.Initializer:
    """torch's xavier_uniform_ with the gain of what follows."""
    return nn.initializers.variance_scaling(GAINS[gain], "fan_avg", "uniform")


class _Carry(NamedTuple):
    """Between two steps of the decoder: states, weights [B L], their sum, context [B D]."""

    attention: LstmCarry
    decoder: LstmCarry
    weights: jax.Array
    total: jax.Array
    context: jax.Array


class ConvBlock(nn.Module):
    """Convolution, batch norm, activation and dropout, [B T C] -> [B T D]; zeros stay beyond ends.

    activation: relu, tanh or linear.
    """

    features: int
    taps: int
    activation: str
    dropout: float = 0.5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, known: jax.Array, train: bool) -> jax.Array:
        last = self.activation == "linear"
        x = Conv(
            self.features,
            self.taps,
            kernel_init=_xavier(self.activation),
            bias_init=fan_uniform(self.taps * x.shape[-1]),
            dtype=jnp.float32 if last else self.dtype,
            precision=HIGHEST if last else None,
            name="conv",
        )(mask_frames(x, known))
        x = BatchNorm(dtype=x.dtype, name="norm")(x, train=train)
        x = {"relu": nn.relu, "tanh": jnp.tanh, "linear": lambda y: y}[self.activation](x)
        return nn.Dropout(self.dropout, deterministic=not train)(x)


class Encoder(nn.Module):
    """Symbols [B L] int32 -> [B L D], zeros beyond each text."""

    symbols: int
    width: int
    convs: int
    taps: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, text: jax.Array, known: jax.Array, train: bool) -> jax.Array:
        table = nn.Embed(self.symbols, self.width, embedding_init=_xavier(), name="embedding")
        x = table(text).astype(self.dtype)
        for i in range(self.convs):
            x = ConvBlock(self.width, self.taps, "relu", dtype=self.dtype, name=f"conv_{i + 1}")(
                x, known, train
            )
        half = self.width // 2
        how: Any = {**torch_recurrent(half), "dtype": self.dtype}
        ahead, back = LSTM(half, **how, name="ahead"), LSTM(half, **how, name="back")
        return BothWays(ahead, back, name="lstm")(mask_frames(x, known), known)


class Attention(nn.Module):
    """Location-sensitive attention: (query [B H], weights and their sum [B L]) -> [B L].

    Chorowski et al. 2015, additive, with the sum of all weights so far beside the last ones.
    """

    width: int
    filters: int
    taps: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, query: jax.Array, weights: jax.Array, total: jax.Array, memory: Memory
    ) -> jax.Array:
        how: Any = {"use_bias": False, "dtype": self.dtype}
        asked = nn.Dense(self.width, kernel_init=_xavier("tanh"), **how, name="query")(query)
        before = jnp.stack([weights, total], -1)
        place = Conv(self.filters, self.taps, kernel_init=_xavier(), **how, name="location")(before)
        place = nn.Dense(self.width, kernel_init=_xavier("tanh"), **how, name="place")(place)
        mixed = jnp.tanh(asked[:, None] + place + memory.keys)
        energy = nn.Dense(1, kernel_init=_xavier(), **how, name="energy")(mixed)[..., 0]
        return weights_of(energy, memory.known)


class Decoder(nn.Module):
    """One frame: (carry, pre-net's output [B P], memory) -> (carry, ([B M], [B], weights))."""

    bands: int
    attention_width: int
    filters: int
    taps: int
    attention_lstm: int
    lstm: int
    held: Literal["dropout", "zoneout"]
    rate: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, carry: _Carry, given: jax.Array, memory: Memory, train: bool
    ) -> tuple[_Carry, tuple[jax.Array, jax.Array, jax.Array]]:
        first, second = self.attention_lstm, self.lstm
        cell = LSTMCell(first, dtype=self.dtype, **torch_recurrent(first), name="attention_lstm")
        read = jnp.concatenate([given.astype(jnp.float32), carry.context], -1)
        attention = self._kept(cell(read, carry.attention), carry.attention, train)
        look = Attention(
            self.attention_width, self.filters, self.taps, self.dtype, name="attention"
        )
        weights = look(attention[0], carry.weights, carry.total, memory)
        values = memory.values.astype(self.dtype)
        context = jnp.einsum("bl,bld->bd", weights.astype(self.dtype), values).astype(jnp.float32)
        cell = LSTMCell(second, dtype=self.dtype, **torch_recurrent(second), name="lstm")
        read = jnp.concatenate([attention[0], context], -1)
        decoder = self._kept(cell(read, carry.decoder), carry.decoder, train)
        both = jnp.concatenate([decoder[0], context], -1)
        how: Any = {"precision": HIGHEST, "bias_init": torch(both.shape[-1])["bias_init"]}
        frame = nn.Dense(self.bands, kernel_init=_xavier(), **how, name="frame")(both)
        stop = nn.Dense(1, kernel_init=_xavier(), **how, name="stop")(both)[..., 0]
        after = _Carry(attention, decoder, weights, carry.total + weights, context)
        return after, (frame, stop, weights)

    def _kept(self, new: LstmCarry, old: LstmCarry, train: bool) -> LstmCarry:
        """The new state with dropout on its output, or with some units as they were."""
        if self.held == "dropout":
            return nn.Dropout(self.rate, deterministic=not train)(new[0]), new[1]
        if not train:
            mix = [self.rate * o + (1 - self.rate) * n for n, o in zip(new, old)]
            return mix[0], mix[1]
        stay = [jax.random.bernoulli(self.make_rng("dropout"), self.rate, n.shape) for n in new]
        mix = [jnp.where(s, o, n) for s, n, o in zip(stay, new, old)]
        return mix[0], mix[1]


class Tacotron2(nn.Module):
    """Text [B L] int32 with known [B L] -> `Spoken`: a frame of mel magnitudes a step.

    Called with the frames [B F M] that were spoken, and which of these are known [B F], it gives
    each from those before it. To speak: `remember`, `begin`, then `step` after `step`, `refine`.
    """

    symbols: int = 148
    bands: int = 80
    width: int = 512
    convs: int = 3
    taps: int = 5
    prenet: tuple[int, ...] = (256, 256)
    attention_width: int = 128
    filters: int = 32
    location_taps: int = 31
    attention_lstm: int = 1024
    lstm: int = 1024
    postnet: int = 512
    postnet_convs: int = 5
    held: Literal["dropout", "zoneout"] = "dropout"
    rate: float = 0.1
    dtype: Any = jnp.float32

    together = 1  # frames of a step
    receptive_field = math.inf

    def setup(self) -> None:
        self.encoder = Encoder(self.symbols, self.width, self.convs, self.taps, self.dtype)
        self.keys = nn.Dense(
            self.attention_width, use_bias=False, kernel_init=_xavier("tanh"), dtype=self.dtype
        )
        how: Any = {"use_bias": False, "kernel_init": _xavier(), "dtype": self.dtype}
        self.prenets = [nn.Dense(width, **how) for width in self.prenet]
        self.decoder = Decoder(
            self.bands,
            self.attention_width,
            self.filters,
            self.location_taps,
            self.attention_lstm,
            self.lstm,
            self.held,
            self.rate,
            self.dtype,
        )
        widths = [self.postnet] * (self.postnet_convs - 1) + [self.bands]
        kinds = ["tanh"] * (self.postnet_convs - 1) + ["linear"]
        self.postnets = [
            ConvBlock(width, self.taps, kind, dtype=self.dtype)
            for width, kind in zip(widths, kinds)
        ]

    def __call__(
        self,
        text: jax.Array,
        text_known: jax.Array,
        frames: jax.Array,
        known: jax.Array,
        *,
        train: bool = False,
    ) -> Spoken:
        memory = self.remember(text, text_known, train=train)
        before = jnp.pad(frames[:, :-1], ((0, 0), (1, 0), (0, 0)))
        shape = (*before.shape[:-1], sum(self.prenet))
        chances = jax.random.uniform(self.make_rng("dropout"), shape)
        given = prenet(self.prenets, before, chances, _DROPPED)
        scan = nn.scan(
            lambda decoder, carry, x, memory: decoder(carry, x, memory, train),
            variable_broadcast="params",
            split_rngs={"params": False, "dropout": True},
            in_axes=(1, nn.broadcast),
            out_axes=1,
        )
        _, (made, stop, weights) = scan(self.decoder, self.begin(memory), given, memory)
        return Spoken(made, self.refine(made, known, train=train), stop, weights)

    def remember(self, text: jax.Array, known: jax.Array, *, train: bool = False) -> Memory:
        """What is read of a text."""
        values = self.encoder(text, known, train)
        return Memory(values, self.keys(values), known)

    def begin(self, memory: Memory) -> _Carry:
        """The decoder's first state."""
        rows, length, width = memory.values.shape
        states = [jnp.zeros((rows, n)) for n in (self.attention_lstm, self.lstm)]
        none = jnp.zeros((rows, length))
        first, second = ((s, s) for s in states)
        return _Carry(first, second, none, none, jnp.zeros((rows, width)))

    def step(
        self, carry: _Carry, frame: jax.Array, memory: Memory, chances: jax.Array, drop: jax.Array
    ) -> tuple[_Carry, tuple[jax.Array, jax.Array, jax.Array]]:
        """The next frame [B 1 M], its stop logit [B] and weights [B L], after `frame` [B M].

        chances: uniform numbers [B P] that decide what the pre-net drops, each with probability
        `drop`.
        """
        given = prenet(self.prenets, frame, chances, drop)
        carry, (made, stop, weights) = self.decoder(carry, given, memory, False)
        return carry, (made[:, None], stop, weights)

    def refine(self, frames: jax.Array, known: jax.Array, *, train: bool = False) -> jax.Array:
        """Frames [B F M] and what the post-net adds to those that are known [B F]."""
        x = frames
        for block in self.postnets:
            x = block(x, known, train)
        return frames + x
