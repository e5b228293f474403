"""Blocks of WaveNet's samples in one call of compiled code: what gated_stack.cc takes and gives.

The model's `fold` gives the weights; its `kernel`, `dilations`, `residual_scale` and `input` say
how they are used (zoo/models/generation/wavenet.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.network import Network
from zoo.sampling.native import drawing, library
from zoo.sampling.native.packing import PackedLayout, huge_page_copy, pad_columns, panels
from zoo.sampling.rule import SamplerRule
from zoo.signal.precision import HIGHEST

_Tree = Any


@dataclass(frozen=True)
class GatedStack:
    """The compiled loop. target: its name in XLA. layout: of the matrices that it reads."""

    target: str
    layout: PackedLayout

    def packed(self, model: Network, folded: _Tree) -> _Tree:
        """The folded weights in the order in which the loop reads them."""
        packed = _packed(model, folded, self.layout)
        return {**packed, "weights": huge_page_copy(packed["weights"])}

    def draw(
        self,
        model: Network,
        packed: _Tree,
        carry: _Tree,
        last: jax.Array,
        condition: jax.Array | None,
        noise: jax.Array,
        frames: jax.Array,
        temperature: jax.Array,
        rule: SamplerRule,
    ) -> tuple[_Tree, jax.Array, jax.Array, jax.Array]:
        """`frames` samples after last [B 1]: (carry, the last, audio [N B], nats [B] of all).

        noise [N B n] is uniform; condition [N L B 2A] what `project` gives. Audio behind the
        samples that were asked for is zero.
        """
        distribution, (size, count) = model.distribution, noise.shape[:2]
        kind, symbols = drawing.DISTRIBUTION_KINDS[type(distribution)], distribution.symbols
        shapes = (
            jax.ShapeDtypeStruct((size, count), jnp.float32),
            jax.ShapeDtypeStruct(
                (size, count, 1 if symbols else distribution.parameters), jnp.float32
            ),
            jax.ShapeDtypeStruct(carry["buffer"].shape, jnp.float32),
        )
        first = distribution.encode(last) if symbols else last
        call = jax.ffi.ffi_call(self.target, shapes, input_output_aliases={5: 2})
        audio, kept, buffer = call(
            packed["weights"],
            packed["biases"],
            packed["source"],
            packed["constant"],
            jnp.zeros(0) if condition is None else condition,
            carry["buffer"],
            carry["clock"],
            jnp.asarray(frames, jnp.int32),
            first[:, 0].astype(jnp.float32),
            kind.noise(noise),
            *drawing.temperature_and_bias(rule, temperature, symbols),
            packed["values"],
            dilations=np.asarray(model.dilations, np.int64),
            residual_scale=np.float32(model.residual_scale),
            kernel=np.int32(model.kernel),
            gate=np.int32(model.gate),
            skip=np.int32(model.skip),
            head=np.int32(model.head),
            **drawing.limits(rule, distribution),
            **drawing.density(distribution),
        )
        nats = kept[..., 0] if symbols else distribution.log_prob(kept, audio[..., None])
        drawn = jnp.arange(size)[:, None] < frames
        period = math.lcm(*((model.kernel - 1) * d for d in model.dilations))
        carry = {"buffer": buffer, "clock": (carry["clock"] + frames) % period}
        at = jnp.maximum(frames - 1, 0)
        newest = jax.lax.dynamic_index_in_dim(audio, at, keepdims=False)[:, None]
        newest = jnp.where(frames > 0, newest, last)
        return carry, newest, audio, jnp.where(drawn, nats, 0.0).sum(0)


def gated_stack_loop(model: Network, weights: str) -> GatedStack:
    """The loop for a model of float32. raises library.Unavailable where there is none."""
    if type(model.distribution) not in drawing.DISTRIBUTION_KINDS:
        raise library.Unavailable(f"it draws no {type(model.distribution).__name__}")
    if model.kernel < 2:
        raise library.Unavailable("it takes kernels of two taps and more")
    layout = PackedLayout(library.panel("gated_stack", weights), weights)
    return GatedStack(library.ffi_target("gated_stack", weights), layout)


@partial(jax.jit, static_argnames=("model", "layout"))
def _packed(model: Network, folded: _Tree, layout: PackedLayout) -> _Tree:
    past, now = folded["past"], jnp.stack(folded["now"])  # [L K-1 C 2A], [L C 2A]
    layers, skip = len(now), folded["skip"].T.reshape(len(now), model.gate, -1)
    taps = jnp.concatenate([past, now[:, None]], 1)
    halves = jnp.concatenate([pad_columns(half) for half in jnp.split(taps, 2, -1)], -1)
    each = [halves, skip, jnp.stack(folded["residual"])]
    body = jnp.concatenate([panels(one, layout).reshape(layers, -1) for one in each], 1)
    body = body.reshape(-1)[: body.size - panels(each[-1][0], layout).size]  # the last is not used
    ends = [panels(folded[name]["kernel"].T, layout) for name in ("hidden", "output")]
    biases = [folded["residual_bias"], folded["skip_bias"]]
    biases += [folded[name]["bias"] for name in ("hidden", "output")]
    kept = {"local": folded["local"]} if "local" in folded else {}
    return {
        **kept,
        **_entered(model, folded["source"]),
        "weights": jnp.concatenate([body, *ends]),
        "biases": jnp.concatenate([pad_columns(bias).reshape(-1) for bias in biases]),
        "constant": folded["bias"],
    }


def _entered(model: Network, source: _Tree) -> dict[str, jax.Array]:
    """source: what enters for each symbol [Q C], or slope and level [2 C]; values [Q]."""
    distribution = model.distribution
    if not distribution.symbols:
        pair = jnp.stack([source["kernel"][0], source["bias"]])
        return {"source": pair, "values": drawing.values_of(distribution)}
    values = drawing.values_of(distribution)
    if model.input == "embedding":
        table = source["embedding"]
    else:
        real = distribution.inputs(values[:, None])
        table = jnp.matmul(real, source["kernel"], precision=HIGHEST) + source["bias"]
    return {"source": table, "values": values}
