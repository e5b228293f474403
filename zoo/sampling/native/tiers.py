"""Blocks of SampleRNN's samples in one call of compiled code: what tiers.cc takes and gives.

For both models (zoo/models/generation/samplernn.py, samplernn_released.py), out of what their
`fold` gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.network import Network
from zoo.sampling.native import drawing, library
from zoo.sampling.native.packing import PackedLayout, chunked, huge_page_copy, pad_columns, panels
from zoo.sampling.rule import SamplerRule

_Tree = Any
CELLS = {"gru": 0, "lstm": 1, "reset_first": 2}


@dataclass(frozen=True)
class _Net:
    """Folded weights of either model; matrices [in out], biases [out]."""

    tiers: list[dict[str, Any]]  # lowest first: first, bias, layers, up, up_bias
    start: jax.Array  # [tiers * layers * states D]
    hidden: list[tuple[jax.Array, jax.Array]]
    output: tuple[jax.Array, jax.Array]


@dataclass(frozen=True)
class TierLoop:
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
        condition: None,
        noise: jax.Array,
        frames: jax.Array,
        temperature: jax.Array,
        rule: SamplerRule,
    ) -> tuple[_Tree, jax.Array, jax.Array, jax.Array]:
        """`frames` frames: (carry, the last sample [B 1], audio [N B], nats [B] of all of it).

        noise [N B 1] is uniform. Audio behind the samples that were asked for is zero.
        """
        distribution, (size, count) = model.distribution, noise.shape[:2]
        states, structure = jax.tree.flatten(carry["hidden"])
        begun = jnp.where(carry["fresh"][:, None], packed["start"][:, None], jnp.stack(states))
        drawn = jax.ShapeDtypeStruct((size, count), jnp.float32)
        kept = jax.ShapeDtypeStruct(begun.shape, jnp.float32)
        call = jax.ffi.ffi_call(self.target, (drawn, drawn, kept))
        audio, nats, after = call(
            packed["weights"],
            packed["biases"],
            packed["table"],
            packed["real"],
            begun,
            distribution.encode(carry["past"]),
            jnp.asarray(frames, jnp.int32),
            noise,
            *drawing.temperature_and_bias(rule, temperature, distribution.symbols),
            packed["values"],
            frames=np.asarray(_frames(model), np.int64),
            layers=np.int32(model.layers),
            cell=np.int32(CELLS[_cell(model)]),
            hidden=np.int32(2 if _cell(model) == "reset_first" else 1),
            **drawing.limits(rule, distribution),
        )
        known = jnp.concatenate([carry["past"].T, audio])
        past = jax.lax.dynamic_slice_in_dim(known, frames * model.hop, model.hop).T
        carry = {
            "past": past,
            "hidden": jax.tree.unflatten(structure, list(after)),
            "fresh": carry["fresh"] & (frames == 0),
        }
        return carry, past[:, -1:], audio, nats.sum(0)


def tier_loop(model: Network, weights: str) -> TierLoop:
    """The loop for a model of float32. raises library.Unavailable where it cannot be compiled."""
    layout = PackedLayout(library.panel("tiers", weights), weights)
    return TierLoop(library.ffi_target("tiers", weights), layout)


def _cell(model: Network) -> str:
    return getattr(model, "cell", "reset_first")


def _frames(model: Network) -> tuple[int, ...]:
    return getattr(model, "frames", (model.hop,))


@partial(jax.jit, static_argnames=("model", "layout"))
def _packed(model: Network, folded: _Tree, layout: PackedLayout) -> _Tree:
    net = (_released if _cell(model) == "reset_first" else _tiered)(folded)
    wide = partial(chunked, width=model.width)
    weights: list[jax.Array] = []
    biases: list[jax.Array] = []
    for tier in net.tiers:
        weights.append(wide(tier["first"]))
        biases.append(wide(tier["bias"]))
        for layer in tier["layers"]:
            weights += [
                wide(layer[name]) for name in ("input", "recurrent", "new") if name in layer
            ]
            biases += [wide(layer[name]) for name in ("bias", "again") if name in layer]
        weights.append(wide(tier["up"]))
        biases.append(wide(tier["up_bias"]))
    for matrix, bias in (*net.hidden, net.output):
        weights.append(pad_columns(matrix))
        biases.append(pad_columns(bias))
    values = drawing.values_of(model.distribution)
    return {
        "weights": jnp.concatenate([panels(matrix, layout) for matrix in weights]),
        "biases": jnp.concatenate(biases),
        "table": pad_columns(folded["table"]).reshape(-1),
        "real": 2 * model.distribution.inputs(values[:, None])[:, 0],
        "start": net.start,
        "values": values,
    }


def _tiered(folded: _Tree) -> _Net:
    tiers, starts = [], []
    for tier in folded["tiers"]:
        layers: list[dict[str, Any]] = []
        for given in tier["layers"]:
            names = {"kernel": "input", "recurrent_kernel": "recurrent"}
            layer = {names[name]: given[name].T for name in names if name in given}
            names = {"bias": "bias", "recurrent_bias": "again"}
            layers.append(layer | {names[name]: given[name] for name in names if name in given})
        starts.append(tier["start"].reshape(-1, tier["start"].shape[-1]))
        own = {"first": tier["frame"], "up": tier["up"].T, "layers": layers}
        tiers.append(own | {name: tier[name] for name in ("bias", "up_bias")})
    hidden, output = ((folded[name][0].T, folded[name][1]) for name in ("hidden", "output"))
    return _Net(tiers, jnp.concatenate(starts), [hidden], output)


def _released(folded: _Tree) -> _Net:
    layers: list[dict[str, Any]] = []
    for given in folded["layers"]:
        layer = {"recurrent": given["gates"].T, "new": given["new"].T}
        if layers:
            layer |= {"input": given["input"][0].T, "bias": given["input"][1]}
        layers.append(layer)
    first, bias = folded["layers"][0]["input"]
    up, up_bias = folded["upsample"]
    tier = {"first": first.T, "bias": bias, "layers": layers, "up": up.T, "up_bias": up_bias}
    names = ("hidden_0", "hidden_1", "output")
    *hidden, output = ((folded[name][0].T, folded[name][1]) for name in names)
    return _Net([tier], folded["start"], hidden, output)
