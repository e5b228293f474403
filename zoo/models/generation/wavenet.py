"""WaveNet: dilated causal convolutions that predict each audio sample from those before it.

van den Oord, Dieleman, Zen et al. 2016, arXiv 1609.03499, figures 3 and 4. The paper gives no
widths: 512 / 512 / 256 are those of a slide of its authors, cited in issue 227 of
ibab/tensorflow-wavenet; 3 x (1..512) is 3,070 samples of context, 192 ms at 16 kHz.

Deviations and guesses
- the first causal convolution has length 1: a table look-up of the code, or one linear map;
- the last layer's residual convolution has no effect and is left out unless `last_residual`;
- a transposed convolution that upsamples a condition spans two of its strides, without activation;
- `residual_scale` is 1 as in the paper; other code multiplies by sqrt(1/2) and has `dropout`;
- no start of the weights is published: LeCun's, which was the default of its authors' library.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.distributions import Categorical, Distribution
from zoo.errors import BadInput
from zoo.layers.context_stack import ContextStack
from zoo.layers.conv import Conv, TransposedConv
from zoo.layers.gated import GatedBlock, gated_tanh
from zoo.layers.initializers import Starts, lecun
from zoo.layers.matvec import matvec
from zoo.layers.mel_upsampling import MelUpsampler
from zoo.layers.queues import Carry, Queues
from zoo.layers.struck_keys import StruckKeys
from zoo.signal.precision import HIGHEST

_Folded = dict[str, Any]


class WaveNet(nn.Module):
    """Raw parameters of the next sample's distribution, audio [B T 1] -> [B T P].

    raw[t] is the prediction of audio[t] from audio[:t] only: the shift by one is made inside, with
    silence before the first sample. condition [B F D] is upsampled by prod(upsampling) and
    raw[t] sees condition up to t (and what the upsampling mixes in). speaker is [B] int classes.
    """

    layers: int = 30
    stacks: int = 3
    width: int = 512
    gate: int = 512
    skip: int = 256
    head: int = 256
    kernel: int = 2
    distribution: Distribution = Categorical()
    input: str = "embedding"  # of the code, or 'scalar'
    global_condition: int = 0  # speaker classes K
    local_condition: int = 0  # channels D of the condition
    upsampling: tuple[int, ...] = ()
    upsampler: str = "transposed"  # or 'repeat'
    context: ContextStack | MelUpsampler | StruckKeys | None = None  # of the condition
    last_residual: bool = False
    residual_scale: float = 1.0
    dropout: float = 0.0
    starts: Starts = lecun
    dtype: Any = jnp.float32

    native = "gated_stack"  # its compiled loop: zoo/sampling/engines.py

    def setup(self) -> None:
        if self.layers % self.stacks:
            raise BadInput(f"{self.layers} layers do not make {self.stacks} stacks; use a multiple")
        if self.input == "embedding":
            if not self.distribution.symbols:
                raise BadInput("input='embedding' needs a Categorical; use input='scalar'")
            self.source: nn.Module = nn.Embed(
                self.distribution.symbols, self.width, dtype=self.dtype
            )
        else:
            self.source = nn.Dense(self.width, precision=HIGHEST, **self.starts(1))
        factors = self.upsampling if self.upsampler == "transposed" else ()
        wide = self.local_condition
        self.upsample_layers = [
            TransposedConv(wide, 2 * s, s, "same", dtype=self.dtype, **self.starts(2 * s * wide))
            for s in factors
        ]
        self.blocks = [
            GatedBlock(
                self.gate,
                self.skip,
                self.kernel,
                dilation,
                residual=self.last_residual or i < self.layers - 1,
                residual_scale=self.residual_scale,
                dropout=self.dropout,
                starts=self.starts,
                dtype=self.dtype,
            )
            for i, dilation in enumerate(self.dilations)
        ]
        self.hidden = Conv(self.head, 1, dtype=self.dtype, **self.starts(self.skip))
        self.output = Conv(
            self.distribution.parameters,
            1,
            precision=self.distribution.precision,
            **self.starts(self.head),
        )

    @property
    def dilations(self) -> tuple[int, ...]:
        return tuple(2**i for i in range(self.layers // self.stacks)) * self.stacks

    @property
    def receptive_field(self) -> int:
        """Past samples that one prediction sees."""
        return 1 + (self.kernel - 1) * sum(self.dilations)

    @property
    def condition_reach(self) -> int:
        """Frames to either side of its own that the condition of a sample is made of, or more."""
        return 2 if self.context is None else 2 + self.context.reach

    @property
    def _queues(self) -> Queues:
        return Queues(self.kernel, self.dilations)

    def __call__(
        self,
        audio: jax.Array,
        *,
        condition: jax.Array | None = None,
        speaker: jax.Array | None = None,
        train: bool = False,
    ) -> jax.Array:
        return self.output(self.features(audio, condition, speaker, train=train))

    def features(
        self,
        audio: jax.Array,
        condition: jax.Array | None = None,
        speaker: jax.Array | None = None,
        *,
        train: bool = False,
    ) -> jax.Array:
        """Audio [B T 1] -> what the last map makes raw parameters of [B T head]."""
        x, local, voice = self._prepare(audio, condition, speaker)
        skips = []
        for block in self.blocks:
            x, skip = block(x, local, voice, train=train)
            skips.append(skip)
        return nn.relu(self.hidden(nn.relu(reduce(jnp.add, skips))))

    def _prepare(
        self, audio: jax.Array, condition: jax.Array | None, speaker: jax.Array | None
    ) -> tuple[jax.Array, jax.Array | None, jax.Array | None]:
        if audio.ndim != 3 or audio.shape[-1] != 1:
            raise BadInput(f"WaveNet takes mono audio [B T 1], not {audio.shape}; mix it down")
        local = self.upsample(condition)
        if local is not None:
            if local.shape[1] < audio.shape[1]:
                raise BadInput(
                    f"condition lasts {local.shape[1]} samples, audio {audio.shape[1]};"
                    " give more frames"
                )
            local = local[:, : audio.shape[1]]
        shifted = jnp.pad(audio, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        return self._enter(shifted), local, self._voice(speaker)

    def _enter(self, audio: jax.Array) -> jax.Array:
        if self.input == "embedding":
            return self.source(self.distribution.encode(audio)[..., 0])
        return self.source(self.distribution.inputs(audio)).astype(self.dtype)

    def _voice(self, speaker: jax.Array | None) -> jax.Array | None:
        _require(speaker, self.global_condition, "speaker", "global_condition")
        return None if speaker is None else jax.nn.one_hot(speaker, self.global_condition)

    def upsample(self, condition: jax.Array | None) -> jax.Array | None:
        """Condition [B F D] -> one frame per sample [B T D], T = F prod(upsampling)."""
        _require(condition, self.local_condition, "condition", "local_condition")
        if condition is None:
            return None
        if self.context is not None:
            condition = self.context(condition)
        if self.upsampler == "repeat":
            return jnp.repeat(condition, math.prod(self.upsampling), axis=1)
        for layer in self.upsample_layers:
            condition = layer(condition)
        return condition

    # From here on, sampling: see zoo/sampling/autoregressive.py for who calls what.

    def initial(self, batch: int) -> Carry:
        """Silence in the queues of all layers."""
        return self._queues.initial(batch, self.width, self.dtype)

    def prime(
        self,
        audio: jax.Array,
        *,
        condition: jax.Array | None = None,
        speaker: jax.Array | None = None,
    ) -> Carry:
        """The carry after audio [B T 1] was sampled, by one parallel pass over it.

        What is drawn next takes audio[:, -1]. Only the last receptive field of it matters.
        """
        x, local, voice = self._prepare(audio, condition, speaker)
        inputs = []
        for block in self.blocks:
            inputs.append(x)
            x, _ = block(x, local, voice)
        return self._queues.filled(inputs)

    def align(self, carry: Carry, other: Carry) -> Carry:
        """The carry in the layout of another, so that rows of the two may stand in one batch."""
        return self._queues.turned(carry, other["clock"])

    def fold(self, *, speaker: jax.Array | None = None) -> _Folded:
        """The weights as sampling wants them, one skip matrix for all layers.

        What the layers apply in turn are arrays of their own: XLA:CPU copies each slice of a stack
        before it multiplies by it, which takes longer than the product (`benchmarks/sampling.py`).
        """
        params = self.variables["params"]
        blocks = [dict(params[f"blocks_{i}"]) for i in range(self.layers)]
        if not self.last_residual:
            nothing = {"kernel": (1, self.gate, self.width), "bias": (self.width,)}
            blocks[-1]["residual"] = {name: jnp.zeros(shape) for name, shape in nothing.items()}
        stack = jax.tree.map(lambda *leaves: jnp.stack(leaves), *blocks)
        bias, voice = stack["dilated"]["bias"][:, None], self._voice(speaker)
        if voice is not None:
            bias = bias + jnp.einsum("bk,lkg->lbg", voice, stack["speaker"]["kernel"])
        folded = {
            "past": stack["dilated"]["kernel"][:, :-1],
            "now": [block["dilated"]["kernel"][-1] for block in blocks],
            "bias": bias,
            "residual": [block["residual"]["kernel"][0] for block in blocks],
            "residual_bias": stack["residual"]["bias"],
            "skip": stack["skip"]["kernel"].reshape(-1, self.skip).T,
            "skip_bias": stack["skip"]["bias"].sum(0),
            "hidden": _upright(params["hidden"]),
        }
        if self.local_condition:
            folded["local"] = stack["local"]["kernel"][:, 0]
        folded = jax.tree.map(lambda leaf: leaf.astype(self.dtype), folded)
        end = {"output": _upright(params["output"])} if "output" in params else {}
        return {**folded, "source": params["source"], **end}

    def project(self, folded: _Folded, condition: jax.Array) -> jax.Array:
        """Upsampled condition [B T D] -> what each layer adds before its gate [T L B 2A]."""
        return jnp.einsum("btd,ldg->tlbg", condition.astype(self.dtype), folded["local"])

    def advance(
        self, folded: _Folded, carry: Carry, x: jax.Array, condition: jax.Array | None = None
    ) -> tuple[Carry, jax.Array]:
        """The prediction after x [B 1] -> (carry, raw [B P]); condition [L B 2A]."""
        past = self._queues.read(carry)
        added = jnp.einsum("lkbc,lkcg->lbg", past, folded["past"])
        x, inputs, gates = self._enter_folded(folded, x), [], []
        weights = folded["now"], folded["residual"], folded["residual_bias"], folded["bias"]
        for i, (now, residual, bias, extra) in enumerate(zip(*weights)):
            extra = extra + added[i] + (0 if condition is None else condition[i])
            inputs.append(x)
            gates.append(gated_tanh(x @ now + extra))
            x = (x + gates[-1] @ residual + bias) * self.residual_scale
        raw = _head(folded, jnp.concatenate(gates, axis=-1), self.distribution.precision)
        return self._queues.write(carry, jnp.stack(inputs)), raw

    def frame(
        self,
        folded: _Folded,
        carry: Carry,
        x: jax.Array,
        condition: jax.Array | None,
        noise: jax.Array,
        draw: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]],
    ) -> tuple[Carry, jax.Array, jax.Array]:
        """The sample [B 1] after x [B 1], and its nats; condition and noise of one sample."""
        now = None if condition is None else condition[0]
        carry, raw = self.advance(folded, carry, x, now)
        return carry, *draw(raw, noise[0])

    def _enter_folded(self, folded: _Folded, x: jax.Array) -> jax.Array:
        source = folded["source"]
        if self.input == "embedding":
            return source["embedding"][self.distribution.encode(x)[..., 0]].astype(self.dtype)
        entered = jnp.matmul(self.distribution.inputs(x), source["kernel"], precision=HIGHEST)
        return (entered + source["bias"]).astype(self.dtype)


def _head(folded: _Folded, gates: jax.Array, precision: Any) -> jax.Array:
    """Raw parameters, or what these are made of where others make something of that."""
    hidden, output = folded["hidden"], folded.get("output")
    x = nn.relu(matvec(folded["skip"], gates) + folded["skip_bias"])
    x = nn.relu(matvec(hidden["kernel"], x) + hidden["bias"])
    return matvec(output["kernel"], x, precision) + output["bias"] if output else x


def _upright(conv: _Folded) -> _Folded:
    return {"kernel": conv["kernel"][0].T, "bias": conv["bias"]}


def _require(given: Any, size: int, name: str, field: str) -> None:
    if (given is None) == (size > 0):
        what = f"pass `{name}`" if size else f"leave `{name}` out"
        raise BadInput(f"this WaveNet has {field}={size}; {what}")
