"""SampleRNN with two tiers as its authors released it; `samplernn.py` is the port to PyTorch.

Soroush Mehri et al., "SampleRNN: An Unconditional End-to-End Neural Audio Generation Model", ICLR
2017, arXiv 1612.07837, table 1; layers, bins and initial weights of their published code
(two_tier), 39,243,264 parameters. Where the port differs:
- frames enter the first GRU directly, without a layer before it;
- a GRU resets its state before the product and all of its matrices have weight normalisation;
- the sum of samples and condition has no ReLU, and two hidden layers follow it, not one;
- codes are 256 bins of one width, and frames enter as twice q / 128 - 1, so that 128 is silence.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.distributions import Categorical
from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.matvec import matvec
from zoo.layers.norm import plain_kernel, weight_norm

_Carry = dict[str, Any]
_Folded = dict[str, Any]
_HE, _LECUN = nn.initializers.he_uniform(), nn.initializers.lecun_uniform()


class Matrix(nn.Module):
    """A weight-normalised matrix by itself, () -> [I O]; I rows, O columns."""

    rows: int
    columns: int
    kernel_init: Any

    @nn.compact
    def __call__(self) -> jax.Array:
        kernel = self.param("kernel", self.kernel_init, (self.rows, self.columns))
        return weight_norm(self, kernel, 1)


class ResetFirstGRU(nn.Module):
    """GRU that resets before the product, [B F C] and state [B D] -> ([B F D], [B D]).

    z, r = sigmoid(x W + h U); h' = z tanh(x V + (r h) Q) + (1 - z) h.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, state: jax.Array) -> tuple[jax.Array, jax.Array]:
        width = self.features
        entered = Conv(
            3 * width, 1, weight_norm=True, kernel_init=_LECUN, dtype=self.dtype, name="input"
        )(x)
        gates = Matrix(width, 2 * width, _LECUN, name="gates")().astype(self.dtype)
        new = Matrix(width, width, nn.initializers.orthogonal(), name="candidate")()
        new = new.astype(self.dtype)

        def step(h: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
            h = _reset_first(x, h, lambda y: y @ gates, lambda y: y @ new)
            return h, h.astype(self.dtype)

        state, outputs = jax.lax.scan(step, state, entered.swapaxes(0, 1))
        return outputs.swapaxes(0, 1), state


def _reset_first(x: jax.Array, h: jax.Array, gates: Any, new: Any) -> jax.Array:
    """One step from the input's projection [B 3D] and the state [B D] -> [B D], in float32.

    gates, new: products of [B D] with the recurrent matrices.
    """
    zr, candidate = jnp.split(x.astype(h.dtype), [2 * h.shape[-1]], -1)
    z, r = jnp.split(jax.nn.sigmoid(zr + gates(h.astype(x.dtype)).astype(h.dtype)), 2, -1)
    candidate = jnp.tanh(candidate + new((r * h).astype(x.dtype)).astype(h.dtype))
    return z * candidate + (1 - z) * h


class ReleasedSampleRNN(nn.Module):
    """Raw parameters of the next sample's distribution, audio [B T 1] -> [B T Q].

    raw[t] is made from audio[:t] only, with silence before the first sample. hop: samples of a
    frame of the recurrent tier, and those that the sample network sees; T is a multiple of it.
    """

    hop: int = 16
    layers: int = 3
    width: int = 1024
    embedding: int = 256
    distribution: Categorical = Categorical(256, "equal")
    dtype: Any = jnp.float32

    receptive_field = math.inf  # it is recurrent
    native = "tiers"  # its compiled loop: zoo/sampling/engines.py

    def setup(self) -> None:
        if not isinstance(self.distribution, Categorical):
            raise BadInput("SampleRNN embeds codes: its distribution must be a Categorical")
        width, how = self.width, {"weight_norm": True, "kernel_init": _HE, "dtype": self.dtype}
        zeros = nn.initializers.zeros
        self.start = self.param("start", zeros, (self.layers, width))
        self.rnn = [ResetFirstGRU(width, self.dtype) for _ in range(self.layers)]
        self.upsample = Conv(self.hop * width, 1, **how)
        self.embed = nn.Embed(
            self.distribution.codes,
            self.embedding,
            dtype=self.dtype,
            embedding_init=nn.initializers.normal(1.0),
        )
        self.enter = Conv(width, self.hop, padding="valid", use_bias=False, **how)
        self.hidden = [Conv(width, 1, **how) for _ in range(2)]
        # Logits in float32.
        self.output = Conv(self.distribution.codes, 1, weight_norm=True, kernel_init=_LECUN)

    def __call__(self, audio: jax.Array, *, train: bool = False) -> jax.Array:
        return self.window(audio, self.initial(audio.shape[0]))[0]

    def window(
        self, audio: jax.Array, carry: _Carry, *, train: bool = False
    ) -> tuple[jax.Array, _Carry]:
        """(raw [B T Q], carry) of audio [B T 1] that follows on what `carry` has seen."""
        if audio.ndim != 3 or audio.shape[-1] != 1 or audio.shape[1] % self.hop:
            raise BadInput(f"audio is {audio.shape}, not [B T 1] with T a multiple of {self.hop}")
        count, length = audio.shape[:2]
        known = jnp.concatenate([carry["past"], audio[..., 0]], 1)
        x, states = self._real(known[:, :length]).reshape(count, -1, self.hop), []
        for rnn, state in zip(self.rnn, _started(self.start, carry)):
            x, state = rnn(x, state)
            states.append(state)
        condition = self.upsample(x).reshape(count, length, self.width)
        x = self.enter(self.embed(self.distribution.encode(known[:, :-1]))) + condition
        for layer in self.hidden:
            x = nn.relu(layer(x))
        return self.output(x), self._carry(known[:, -self.hop :], tuple(states))

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
        """Silence before the first sample; the GRUs stand at their learnt initial states."""
        hidden = tuple(jnp.zeros((batch, self.width)) for _ in range(self.layers))
        carry = self._carry(jnp.zeros((batch, self.hop)), hidden)
        return {**carry, "fresh": jnp.ones(batch, bool)}

    def prime(self, audio: jax.Array) -> _Carry:
        """The carry after audio [B T 1]; silence fills its first frame where it is not whole."""
        audio = jnp.pad(audio, ((0, 0), (-audio.shape[1] % self.hop, 0), (0, 0)))
        return self.window(audio, self.initial(audio.shape[0]))[1]

    def fold(self) -> _Folded:
        """The weights as `frame` wants them: norms worked in, embedding and first layer in one."""
        params = self.variables["params"]
        with jax.default_matmul_precision("highest"):  # what is rounded here is a weight
            enter = plain_kernel(params["enter"], 2)
            table = jnp.einsum("qe,ked->kqd", params["embed"]["embedding"], enter)
        layers = [
            {
                "input": _flat(p["input"]),
                "gates": plain_kernel(p["gates"], 1).T,
                "new": plain_kernel(p["candidate"], 1).T,
            }
            for p in (params[f"rnn_{i}"] for i in range(self.layers))
        ]
        named = {name: _flat(params[name]) for name in ("upsample", "hidden_0", "hidden_1")}
        folded = {"start": params["start"], "table": table, "layers": layers, **named}
        low = jax.tree.map(lambda leaf: leaf.astype(self.dtype), folded)
        return {**low, "start": params["start"], "output": _flat(params["output"])}

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
        x, states = self._real(carry["past"]), []
        for layer, state in zip(folded["layers"], _started(folded["start"], carry)):
            gates, new = (lambda y, m=layer[name]: matvec(m, y) for name in ("gates", "new"))
            state = _reset_first(_dense(layer["input"], x), state, gates, new)
            x = state.astype(self.dtype)
            states.append(state)
        extra = _dense(folded["upsample"], x).reshape(len(x), self.hop, -1).swapaxes(0, 1)

        def body(past: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            added, noise = now
            codes = self.distribution.encode(past)
            x = folded["table"][jnp.arange(self.hop), codes].sum(1) + added
            for i in range(2):
                x = nn.relu(_dense(folded[f"hidden_{i}"], x))
            drawn, log_prob = draw(_dense(folded["output"], x), noise)
            return jnp.concatenate([past[:, 1:], drawn], 1), log_prob[:, 0]

        past, nats = jax.lax.scan(body, carry["past"], (extra, noise))
        return self._carry(past, tuple(states)), past, nats.T


def _started(start: jax.Array, carry: _Carry) -> list[jax.Array]:
    """The states [B D] of all layers: the learnt one in rows that are fresh."""
    fresh = carry["fresh"][:, None]
    return [jnp.where(fresh, s.astype(h.dtype), h) for s, h in zip(start, carry["hidden"])]


def _flat(params: Any) -> tuple[jax.Array, jax.Array]:
    """A convolution of one tap as (matrix transposed [out in], bias)."""
    return plain_kernel(params, 2)[0].T, params["bias"]


def _dense(layer: tuple[jax.Array, jax.Array], x: jax.Array) -> jax.Array:
    return matvec(layer[0], x) + layer[1]
