"""Autoregressive sampling of audio or symbols, [B t 1] chunk by chunk: compiled once, resumable.

A model takes part with
  distribution                        see zoo/distributions.py
  initial(batch) -> carry             no variables needed
  step(carry, x [B 1], condition) -> (carry, raw [B P])         x is the sample before
    or hop, frame(folded, carry, x, condition [hop ...], noise [hop B n], draw)
    -> (carry, audio [B hop], log_prob [B hop]), of several samples from one state; draw(raw,
    noise [B n]) -> (sample [B 1], its log-likelihood [B 1])
and, to be faster or to do more, with
  fold(**constant) -> folded          weights rearranged once; constant: e.g. speaker [B]
  project(folded, condition [B T D]) -> tree, time first         done for a block, outside the loop
  prime(audio [B T 1], **constant) -> carry                      else the prompt is stepped through
  align(carry, other) -> carry        laid out as `other`, where a carry has a layout that moves
  receptive_field                     older samples of a prompt are not looked at
  native                              the name of its compiled loop (zoo/sampling/engines.py)

Noise depends on (seed, voice, index of the sample) alone, not on chunks, interruptions (between
frames) or other voices. Several devices draw a share of the voices each, if they divide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from zoo import mesh as meshes
from zoo.errors import BadInput
from zoo.network import Network
from zoo.sampling import conditions, engines
from zoo.sampling.rule import AS_LEARNT, SamplerRule

_Tree = Any
Draw = Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
BLOCK = 1024  # samples of one call, about: bounds the noise and conditions that are laid out ahead


class SamplerState(flax.struct.PyTreeNode):
    """All that the next sample depends on besides weights and conditions; save it to resume.

    carry: the model's. last [B 1]: the latest sample. clock: samples drawn so far (wraps after
    2^32). seed, voices [B]: name the noise. log_prob [B]: nats of all that was drawn, under the
    model itself (temperature 1, nothing left out).
    """

    carry: _Tree
    last: jax.Array
    clock: jax.Array
    seed: jax.Array
    voices: jax.Array
    log_prob: jax.Array


def generate(model: Network, variables: _Tree, **asked: Any) -> Iterator[np.ndarray]:
    """The chunks [count t 1] of `generate_scored`, which takes the same arguments."""
    return (audio for audio, _ in generate_scored(model, variables, **asked))


def generate_scored(
    model: Network,
    variables: _Tree,
    *,
    length: int,
    count: int = 1,
    seed: int = 0,
    rule: SamplerRule = AS_LEARNT,
    prompt: np.ndarray | None = None,
    chunk: int = 16_000,
    constant: dict[str, Any] | None = None,
    condition: Any = None,
    engine: str = "auto",
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chunks [count t 1] float32 with the log-likelihood [count] of all so far, in nats.

    Audio lies in [-1, 1]; of `Tokens` these are the symbols. They last `length` samples together; 0
    never ends. prompt [T 1] is continued and not repeated in the output. constant and condition are
    what the model takes; the latter [count T D], one frame per sample, or `conditions.Upsampled`.
    engine: of zoo/sampling/engines.py.
    """
    begun = start_voices(model, variables, count=count, seed=seed, prompt=prompt, constant=constant)
    asked = dict(length=length, rule=rule, chunk=chunk, constant=constant, condition=condition)
    for audio, state in resume(model, variables, begun, **asked, engine=engine):
        yield audio, np.asarray(state.log_prob)


def draw_all(
    model: Network, variables: _Tree, state: SamplerState, condition: jax.Array, rule: SamplerRule
) -> jax.Array:
    """All samples [B T 1] after a state, under a condition [B T D], inside a compiled function."""
    folded, size = fold(model, variables, {}), condition.shape[1]
    noise = _uniform(state, model.distribution.noise, size)
    begun = state.carry, state.last, _project(model, folded, condition), noise, jnp.int32(size)
    return _looped(model, folded, *begun, float(rule.temperature), rule.compiled)[2].T[..., None]


def start_voices(
    model: Network,
    variables: _Tree,
    *,
    count: int = 1,
    seed: int = 0,
    prompt: np.ndarray | None = None,
    constant: dict[str, Any] | None = None,
    first_voice: int = 0,
) -> SamplerState:
    """The state before the first sample of voices first_voice, first_voice + 1, ..."""
    carry, last = model.initial(count), jnp.zeros((count, 1))
    if prompt is not None and len(prompt):
        if prompt.ndim != 2 or prompt.shape[1] != 1:
            raise BadInput(f"the prompt must be mono [T 1], not {prompt.shape}; mix it down")
        context = min(getattr(model, "receptive_field", math.inf), len(prompt))
        audio = jnp.repeat(jnp.asarray(prompt[None, -context:], jnp.float32), count, axis=0)
        carry, last = _prime(model, variables, audio, constant or {}), audio[:, -1]
    return SamplerState(
        carry=carry,
        last=last,
        clock=jnp.zeros((), jnp.uint32),
        seed=jnp.asarray(seed % 2**32, jnp.uint32),
        voices=first_voice + jnp.arange(count, dtype=jnp.uint32),
        log_prob=jnp.zeros(count),
    )


def resume(
    model: Network,
    variables: _Tree,
    state: SamplerState,
    *,
    length: int,
    rule: SamplerRule = AS_LEARNT,
    chunk: int = 16_000,
    constant: dict[str, Any] | None = None,
    condition: Any = None,
    prepared: PreparedLoop | None = None,
    engine: str = "auto",
) -> Iterator[tuple[np.ndarray, SamplerState]]:
    """Pairs of a chunk [B t 1] and the state after it; `condition` begins at the next sample.

    A state lies between frames: to go on from it, let `length` be a multiple of the model's `hop`.
    Its arrays are overwritten when the next chunk is asked for: save or copy it before.
    prepared: what `prepare_loop` gave, where this is called often; it can cost as much as a chunk.
    """
    _check(length, chunk, condition)
    rule.check(model.distribution)
    loop, folded = prepared or prepare_loop(model, variables, constant or {}, engine)
    state = shard_voices(model, state, meshes.mesh_of(variables))
    size, hop = _block(model), _hop(model)
    chunk = -(-chunk // hop) * hop  # whole frames: what is drawn is not thrown away
    block = conditions.condition_blocks(condition, size)
    done = 0
    while length == 0 or done < length:
        wanted = min(chunk, length - done) if length else chunk
        pieces = []
        for first in range(0, wanted, size):
            frames = -(-min(size, wanted - first) // hop)
            audio, state = _draw_block(
                model,
                folded,
                state,
                block(done + first),
                frames,
                float(rule.temperature),
                rule.compiled,
                loop,
            )
            pieces.append(audio)
        audio = np.concatenate([np.asarray(piece) for piece in pieces])[:wanted]
        done += wanted
        if model.distribution.clip:  # a code may pass 1 by a rounding of the compiled expression
            audio = audio.clip(-1.0, 1.0)
        yield np.ascontiguousarray(audio.T)[..., None], state


class PreparedLoop(NamedTuple):
    """What draws, None for XLA's loop, and the weights as it takes them."""

    loop: engines.Loop | None
    folded: _Tree


def prepare_loop(
    model: Network, variables: _Tree, constant: dict[str, Any], engine: str = "auto"
) -> PreparedLoop:
    """The loop of an engine of zoo/sampling/engines.py, and the weights rearranged for it."""
    folded = fold(model, variables, constant)
    loop = engines.choose_engine(engine, model, folded)
    return PreparedLoop(loop, folded if loop is None else loop.packed(model, folded))


def voice_axes(model: Network, count: int) -> _Tree:
    """For each array of a carry the axis along which the voices lie; -1 where all share it."""

    def axis(now: jax.ShapeDtypeStruct, wider: jax.ShapeDtypeStruct) -> int:
        pairs = enumerate(zip(now.shape, wider.shape))
        return next((i for i, (one, other) in pairs if one != other), -1)

    now, wider = (jax.eval_shape(partial(model.initial, n)) for n in (count, count + 1))
    return jax.tree.map(axis, now, wider)


def shard_voices(model: Network, state: SamplerState, mesh: Mesh | None) -> SamplerState:
    """The state with its voices split over the devices of the mesh, where they divide."""
    count = state.last.shape[0]
    if mesh is None or mesh.size == 1 or count % mesh.size:
        return state

    def place(axis: int, leaf: jax.Array) -> jax.Array:
        sharding = meshes.replicated(mesh) if axis < 0 else meshes.axis_sharding(mesh, axis)
        return jax.device_put(leaf, sharding)

    alone = dict(last=0, clock=-1, seed=-1, voices=0, log_prob=0)
    axes = state.replace(carry=voice_axes(model, count), **alone)
    return jax.tree.map(place, axes, state)


@partial(jax.jit, static_argnames=("model", "rule", "loop"), donate_argnames=("state",))
def _draw_block(
    model: Network,
    folded: _Tree,
    state: SamplerState,
    condition: Any,
    frames: jax.Array,
    temperature: jax.Array,
    rule: SamplerRule,
    loop: engines.Loop | None = None,
) -> tuple[jax.Array, SamplerState]:
    """The next `frames` frames -> (audio [a block's samples B], the rest of it zero, state)."""
    noise = _uniform(state, model.distribution.noise, _block(model))
    prepared = _project(model, folded, condition)
    draw = _looped if loop is None else loop.draw
    begun = state.carry, state.last, prepared, noise
    carry, last, audio, total = draw(model, folded, *begun, frames, temperature, rule)
    clock = state.clock + jnp.asarray(frames * _hop(model), jnp.uint32)
    log_prob = state.log_prob + total  # a block at a time: the sum grows large
    return audio, state.replace(carry=carry, last=last, clock=clock, log_prob=log_prob)


def _looped(
    model: Network,
    folded: _Tree,
    carry: _Tree,
    last: jax.Array,
    prepared: Any,
    noise: jax.Array,
    frames: jax.Array,
    temperature: Any,
    rule: SamplerRule,
) -> tuple[_Tree, jax.Array, jax.Array, jax.Array]:
    """`frames` frames after last [B 1]: (carry, the last, audio [N B], nats [B] of all of it)."""
    size, hop, distribution = len(noise), _hop(model), model.distribution
    noise = noise.reshape(size // hop, hop, *noise.shape[1:])
    prepared = jax.tree.map(lambda leaf: leaf.reshape(-1, hop, *leaf.shape[1:]), prepared)

    def draw(raw: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
        new = rule.draw(distribution, raw, noise, temperature)
        return new, distribution.log_prob(raw, new)[:, None]

    def body(i: jax.Array, loop: tuple[_Tree, jax.Array, jax.Array, jax.Array]) -> Any:
        carry, last, audio, total = loop
        now = jax.tree.map(lambda leaf: leaf[i], prepared)
        carry, new, log_prob = _frame(model, folded, carry, last, now, noise[i], draw)
        audio = jax.lax.dynamic_update_slice(audio, new.T, (i * hop, jnp.zeros_like(i)))
        return carry, new[:, -1:], audio, total + log_prob.sum(1)

    begun = carry, last, jnp.zeros((size, len(last))), jnp.zeros(len(last))
    # The number of rounds is an argument: a last, shorter block needs no second compilation.
    return jax.lax.fori_loop(0, frames, body, begun)


def _uniform(state: SamplerState, numbers: int, size: int = BLOCK) -> jax.Array:
    """Uniform numbers in (0, 1) for the next `size` samples: [size B numbers]."""

    def one(voice: jax.Array, index: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(state.seed), voice), index)
        return jax.random.uniform(key, (numbers,), minval=2.0**-24)

    indices = state.clock + jnp.arange(size, dtype=jnp.uint32)
    return jax.vmap(lambda t: jax.vmap(lambda v: one(v, t))(state.voices))(indices)


def _hop(model: Network) -> int:
    return getattr(model, "hop", 1)


def _block(model: Network) -> int:
    """Whole frames of about BLOCK samples together."""
    return max(BLOCK // _hop(model), 1) * _hop(model)


def _frame(
    model: Network,
    folded: _Tree,
    carry: _Tree,
    last: jax.Array,
    condition: Any,
    noise: jax.Array,
    draw: Draw,
) -> tuple[_Tree, jax.Array, jax.Array]:
    if hasattr(model, "frame"):
        return model.frame(folded, carry, last, condition, noise, draw)
    condition = jax.tree.map(lambda leaf: leaf[0], condition)
    carry, raw = model.apply(folded, carry, last, condition, method="step")
    return carry, *draw(raw, noise[0])


def _project(model: Network, folded: _Tree, condition: Any) -> _Tree:
    if condition is None or hasattr(model, "project"):
        return condition if condition is None else model.project(folded, condition)
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 1, 0), condition)


@partial(jax.jit, static_argnames=("model",))
def fold(model: Network, variables: _Tree, constant: dict[str, Any]) -> _Tree:
    """The weights in the layout of the sampling loop."""
    if hasattr(model, "fold"):
        return model.apply(variables, method="fold", **constant)
    if constant:
        raise BadInput(f"{type(model).__name__} has no `fold`, so it takes no {list(constant)}")
    return variables


@partial(jax.jit, static_argnames=("model",))
def _prime(model: Network, variables: _Tree, audio: jax.Array, constant: dict[str, Any]) -> _Tree:
    if hasattr(model, "prime"):
        return model.apply(variables, audio, method="prime", **constant)
    folded = fold(model, variables, constant)

    def body(carry: _Tree, x: jax.Array) -> tuple[_Tree, None]:
        return model.apply(folded, carry, x, None, method="step")[0], None

    shifted = jnp.pad(audio, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    return jax.lax.scan(body, model.initial(audio.shape[0]), shifted.transpose(1, 0, 2))[0]


def _check(length: int, chunk: int, condition: Any) -> None:
    if length < 0:
        raise BadInput(f"length {length} must not be negative; 0 never ends")
    if chunk < 1:
        raise BadInput(f"a chunk of {chunk} samples: give 1 or more")
    lasts = conditions.condition_length(condition)
    if lasts is not None and (length == 0 or lasts < length):
        raise BadInput(f"the condition lasts {lasts} samples; ask for that length or less")
