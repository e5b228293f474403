"""Which engine draws: XLA's loop, which any model and device has, or compiled code of our own.

  auto    compiled code where the model, the device and the machine have it, else XLA's loop
  xla     XLA's loop
  native  compiled code, or the reason why there is none
  native_bfloat16  the same with its matrices rounded to bfloat16: other draws, and sooner where no
                   cache holds them (SampleRNN as published)
  native_int8      the same with multiples of a unit for each column: 255 of them; coarser, sooner

The first three draw the same from the same noise, save for choices so near that the last bit of a
sum decides.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.network import Network
from zoo.sampling.native import gated_stack, library, tiers

ENGINES = ("auto", "xla", "native", "native_bfloat16", "native_int8")
Loop = gated_stack.GatedStack | tiers.TierLoop
# By what a model says that it is: `native`.
LOOPS: dict[str, Callable[[Network, str], Loop]] = {
    "gated_stack": gated_stack.gated_stack_loop,
    "tiers": tiers.tier_loop,
}
_used: ContextVar[list[str] | None] = ContextVar("used", default=None)


def check_engine(engine: str) -> str:
    """raises BadInput unless it is the name of one."""
    if engine not in ENGINES:
        raise BadInput(f"engine '{engine}' is unknown; use {', '.join(ENGINES)}")
    return engine


def choose_engine(engine: str, model: Network, variables: Any) -> Loop | None:
    """The compiled loop that is to draw; None: XLA's. raises BadInput where there is no 'native'.

    variables: of the model, on the device that will draw.
    """
    found, reason, weights = None, "it was asked for", _weights(engine)
    if check_engine(engine) != "xla":
        try:
            found = _loop(model, variables, weights)
        except library.Unavailable as error:
            if engine != "auto":
                raise BadInput(f"no compiled loop here: {error}; use engine=xla") from error
            reason = str(error)
    compiled = f"drawn by compiled code in {weights}"
    _note(compiled if found else f"drawn by XLA's loop: {reason}")
    return found


def _weights(engine: str) -> str:
    """The type of the matrices that an engine reads."""
    return engine.removeprefix("native_") if engine.startswith("native_") else "float32"


def _loop(model: Network, variables: Any, weights: str = "float32") -> Loop:
    """The compiled loop of a model on the device of its variables. raises Unavailable."""
    kind = getattr(model, "native", "")
    if kind not in LOOPS:
        raise library.Unavailable(f"{type(model).__name__} has none")
    if jnp.dtype(model.dtype) != jnp.float32:
        raise library.Unavailable("it computes in float32 alone")
    devices = _devices(variables)
    if len(devices) != 1 or next(iter(devices)).platform != "cpu":
        raise library.Unavailable("it runs on one CPU device")
    return LOOPS[kind](model, weights)


@contextlib.contextmanager
def collect_engines() -> Iterator[list[str]]:
    """Within, the engines that were taken are kept, each once, as words for a line."""
    words: list[str] = []
    token = _used.set(words)
    try:
        yield words
    finally:
        _used.reset(token)


def _note(word: str) -> None:
    kept = _used.get()
    if kept is not None and word not in kept:
        kept.append(word)


def _devices(variables: Any) -> set[jax.Device]:
    """Where arrays lie; those of NumPy go where JAX puts them."""
    lie: set[jax.Device] = set()
    for leaf in jax.tree.leaves(variables):
        if isinstance(leaf, jax.Array):
            lie |= leaf.devices()
    default = jax.config.jax_default_device  # type: ignore[attr-defined]  # made by JAX
    return lie or {default or jax.devices()[0]}
