"""Which compiled functions of the zoo a piece of host code calls, and with what shapes.

Sampling is host code that calls compiled blocks. While it is recorded, those blocks give zeros of
the shapes that they would give, so that nothing is computed and no weight takes memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding

JITTED = type(jax.jit(lambda: 0))


@dataclass
class _Call:
    """A compiled function with the arguments of its first call; how often it was called so."""

    name: str
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    often: int = 1

    @property
    def rounds(self) -> int:
        """The largest whole number that it was given as an argument: the rounds of a loop."""
        given = [*self.args, *self.kwargs.values()]
        return max([1, *(n for n in given if isinstance(n, int) and not isinstance(n, bool))])

    def trace(self, sharding: NamedSharding) -> Any:
        placed = partial(_abstract, sharding=sharding)
        return self.function.trace(*map(placed, self.args), **_tree_of(placed, self.kwargs))


def _tree_of(function: Callable[[Any], Any], given: dict[str, Any]) -> dict[str, Any]:
    return {name: function(value) for name, value in given.items()}


def _abstract(tree: Any, sharding: NamedSharding | None = None) -> Any:
    """Arrays as shapes; all else (modules, rules, numbers of Python) as it is."""

    def shape(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray | np.generic | jax.Array | jax.ShapeDtypeStruct):
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)
        return leaf

    return jax.tree.map(shape, tree)


def calls(act: Callable[[], Any]) -> list[_Call]:
    """The calls that `act` makes, one for each function and shapes, in their order."""
    found: dict[Any, _Call] = {}
    with _replaced(partial(_noted, found)):
        act()
    return list(found.values())


def _noted(found: dict[Any, _Call], function: Any, *args: Any, **kwargs: Any) -> Any:
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((args, kwargs))):
        return function(*args, **kwargs)
    args, kwargs = _abstract(args), _abstract(kwargs)
    key = (id(function), repr(jax.tree.leaves((args, kwargs))))
    if key in found:
        found[key].often += 1
    else:
        found[key] = _Call(function.__name__.strip("_"), function, args, kwargs)
    return jax.tree.map(_zeros, function.eval_shape(*args, **kwargs))


def _zeros(shape: jax.ShapeDtypeStruct) -> Any:
    """Zeros that take no memory until somebody writes to them."""
    if jax.dtypes.issubdtype(shape.dtype, jax.dtypes.prng_key):
        return jax.random.split(jax.random.key(0), shape.shape)
    return np.zeros(shape.shape, shape.dtype)


class _StandIn:
    """In the place of a compiled function, as a function of a module or a method of a class."""

    def __init__(self, note: Callable[..., Any], function: Any):
        self.note, self.function = note, function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.note(self.function, *args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else partial(self, instance)


@contextmanager
def _replaced(note: Callable[..., Any]) -> Iterator[None]:
    """Within, note(function, ...) is called in place of every compiled function of the zoo."""
    before = [(owner, name, value) for owner in _owners() for name, value in _compiled_of(owner)]
    for owner, name, value in before:
        setattr(owner, name, _StandIn(note, value))
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _owners() -> list[ModuleType | type]:
    """The modules of the zoo that are imported, and the classes that they define."""
    modules = [m for n, m in sorted(sys.modules.items()) if n.startswith("zoo.") and m]
    inside = (value for module in modules for value in vars(module).values())
    classes = {v for v in inside if isinstance(v, type) and v.__module__.startswith("zoo.")}
    return [*modules, *sorted(classes, key=lambda c: (c.__module__, c.__qualname__))]


def _compiled_of(owner: ModuleType | type) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in vars(owner).items() if isinstance(value, JITTED)]
