"""What a function of linen modules computes: its operations, each with the module that made it.

Nothing is computed and nothing allocated: JAX traces the function on shapes, and while it does so
each call of a module leaves its mark in the name stack of the operations.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flax.linen as nn
import jax
from jax.ad_checkpoint import checkpoint_name
from jax.extend import core

from zoo.objectives.base import Variables

ModulePath = tuple[str, ...]  # a player, then names of modules within each other
_MARK, OUT = "zoo call ", "zoo output "
CARRY = "carry"  # the operation that hands a value to the first round of a loop
LIFTED = ("Scan", "Vmap", "Checkpoint", "Remat")  # what Flax puts before a lifted class's name


@dataclass(frozen=True)
class Call:
    """A module at work. made: shape of the first array that it gives. fields: of its dataclass."""

    path: ModulePath
    root: int  # which call of a player's module it is part of, in order
    outer: int | None  # the call within which it is
    method: str
    kind: str
    made: tuple[int, ...]
    parameters: int
    own: int  # of these, those of no module within it
    fields: Mapping[str, Any]
    doc: str  # the first line of the method's


@dataclass(frozen=True)
class Operation:
    """An equation. reads, makes: numbers of values. loop: what it is part of, and its length."""

    call: int | None
    name: str
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    loop: tuple[int, int] | None = None


@dataclass
class Traced:
    """inputs: values by the name of the batch's array. outputs: what root calls gave, by call."""

    calls: list[Call] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    inputs: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: dict[int, list[int]] = field(default_factory=dict)
    parameters: dict[int, int] = field(default_factory=dict)  # sizes, by value
    carried: dict[int, int] = field(default_factory=dict)  # of loops: value within -> the next one


def trace(function: Callable[..., Any], variables: Variables, batch: Any, *rest: Any) -> Traced:
    """Of function(variables, batch, *rest), all by shapes."""
    found = Traced(shapes={name: tuple(value.shape) for name, value in batch.items()})

    def watched(variables: Variables, batch: Any, *rest: Any) -> Any:
        with nn.intercept_methods(_Watch(found, variables)):
            return function(variables, batch, *rest)

    program = jax.make_jaxpr(watched)(variables, batch, *rest)
    _Reader(found).read(program, jax.tree.leaves(variables), batch)
    return found


class _Watch:
    """Flax's interceptor: notes each call of a module and marks its operations."""

    def __init__(self, found: Traced, variables: Variables) -> None:
        self.found, self.roots = found, 0
        self.numbers: list[int] = []  # of the calls at work, the innermost last
        self.players = {
            id(leaf): player
            for trees in (variables.params, variables.frozen)
            for player, tree in trees.items()
            for leaf in jax.tree.leaves(tree)
        }
        self.forms = {
            _form(tree): player
            for trees in (variables.frozen, variables.params)
            for player, tree in trees.items()
        }

    def __call__(self, following: Callable, args: Any, given: Any, context: Any) -> Any:
        module, method = context.module, context.method_name
        if module.scope is None or method == "setup":
            return following(*args, **given)
        if root := not self.numbers:
            self.roots += 1
        player = self._player(module) if root else self.found.calls[self.numbers[0]].path[0]
        path = (player, *module.scope.path)
        call = self._note(module, method, path)
        with jax.named_scope(f"{_MARK}{call}"):
            self.numbers.append(call)
            try:
                made = following(*args, **given)
            finally:
                self.numbers.pop()
                self._count(module, call)
        arrays = [leaf for leaf in jax.tree.leaves(made) if hasattr(leaf, "shape")]
        if arrays:
            first = max(arrays, key=lambda leaf: len(leaf.shape))
            old = self.found.calls[call]
            self.found.calls[call] = dataclasses.replace(old, made=tuple(first.shape))
        if root and arrays:
            leaves, form = jax.tree.flatten(made)
            tag = f"{OUT}{call}"
            leaves = [checkpoint_name(x, tag) if hasattr(x, "shape") else x for x in leaves]
            made = jax.tree.unflatten(form, leaves)
        return made

    def _player(self, module: nn.Module) -> str:
        params = module.variables.get("params", {})
        for leaf in jax.tree.leaves(params):
            if id(leaf) in self.players:
                return self.players[id(leaf)]
        return self.forms.get(_form(params), type(module).__name__)

    def _count(self, module: nn.Module, call: int) -> None:
        """Parameters, which a module that is initialised has only now."""
        params = module.variables.get("params", {})
        own = [leaf for leaf in params.values() if hasattr(leaf, "shape")]
        old = self.found.calls[call]
        made = dataclasses.replace(old, parameters=_size(params), own=_size(own))
        self.found.calls[call] = made

    def _note(self, module: nn.Module, method: str, path: ModulePath) -> int:
        within = dataclasses.fields(module)
        fields = {f.name: getattr(module, f.name) for f in within if f.name not in _OF_FLAX}
        outer = self.numbers[-1] if self.numbers else None
        lines = (getattr(getattr(module, method, None), "__doc__", "") or "").strip().splitlines()
        doc = lines[0] if lines else ""
        call = Call(path, self.roots, outer, method, _kind(module), (), 0, 0, fields, doc)
        self.found.calls.append(call)
        return len(self.found.calls) - 1


_OF_FLAX = ("parent", "name", "dtype", "param_dtype")


def _kind(module: nn.Module) -> str:
    name = type(module).__name__
    for prefix in LIFTED:
        name = name.removeprefix(prefix) or name
    return name.strip("_")


def _size(tree: Any) -> int:
    return sum(int(leaf.size) for leaf in jax.tree.leaves(tree))


def _form(tree: Any) -> Any:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return tuple((jax.tree_util.keystr(path), tuple(leaf.shape)) for path, leaf in leaves)


class _Reader:
    """Lays a program flat: calls of functions, loops and branches by what is within them."""

    def __init__(self, found: Traced) -> None:
        self.found, self.fresh, self.loops = found, itertools.count(), itertools.count()

    def read(self, program: core.ClosedJaxpr, first: Sequence[Any], batch: Any) -> None:
        values = [next(self.fresh) for _ in program.jaxpr.invars]
        self.found.parameters = {value: leaf.size for value, leaf in zip(values, first)}
        leaves, _ = jax.tree_util.tree_flatten_with_path(batch)
        for number, (path, _) in zip(values[len(first) :], leaves):
            self.found.inputs[str(getattr(path[0], "key", path[0]))] = number
        self._inside(program.jaxpr, values, None, None)

    def _inside(
        self,
        jaxpr: core.Jaxpr,
        given: Sequence[int],
        call: int | None,
        loop: tuple[int, int] | None,
    ) -> list[int]:
        """Values of the outputs."""
        known = dict(zip(jaxpr.invars, given))

        def number(var: Any) -> int:
            if isinstance(var, core.Literal):
                return next(self.fresh)
            if var not in known:
                known[var] = next(self.fresh)
            return known[var]

        for equation in jaxpr.eqns:
            reads = tuple(map(number, equation.invars))
            made = self._equation(equation, reads, _call_of(equation, call), loop)
            if made is None:
                made = [next(self.fresh) for _ in equation.outvars]
                call_of = _call_of(equation, call)
                name = equation.primitive.name
                if name == "name" and str(equation.params["name"]).startswith(OUT):
                    at = int(equation.params["name"].removeprefix(OUT))
                    self.found.outputs.setdefault(at, []).extend(reads)
                if name == "fft":
                    name = f"fft {jax.lax.FftType(equation.params['fft_type']).name}"
                self.found.operations.append(Operation(call_of, name, reads, tuple(made), loop))
            known.update(zip(equation.outvars, made))
        return [number(var) for var in jaxpr.outvars]

    def _equation(
        self, equation: Any, reads: tuple[int, ...], call: int | None, loop: Any
    ) -> list[int] | None:
        """What an equation that holds programs makes; None for those that hold none."""
        name, params = equation.primitive.name, equation.params
        if name == "scan":
            inner = (next(self.loops), int(params["length"])) if params["length"] > 1 else loop
            start = params["num_consts"]
            count = params["num_carry"]
            return self._looped(
                params["jaxpr"].jaxpr, reads, slice(start, start + count), call, inner
            )
        if name == "while":
            given = reads[params["cond_nconsts"] :]
            carry = slice(params["body_nconsts"], len(given))
            return self._looped(
                params["body_jaxpr"].jaxpr, given, carry, call, (next(self.loops), 0)
            )
        if name == "cond":
            made = [self._inside(b.jaxpr, reads[1:], call, loop) for b in params["branches"]]
            return [self._joined(call, values, loop) for values in zip(*made)]
        for part in params.values():
            inside = part.jaxpr if isinstance(part, core.ClosedJaxpr) else part
            if not isinstance(inside, core.Jaxpr):
                continue
            sizes = len(inside.invars), len(inside.outvars)
            if sizes == (len(reads), len(equation.outvars)):
                return self._inside(inside, reads, call, loop)
        return None

    def _looped(
        self, body: core.Jaxpr, reads: tuple[int, ...], carry: slice, call: int | None, loop: Any
    ) -> list[int]:
        """What a loop makes, whose values `carry` go from one round to the next."""
        given = list(reads)
        for place in range(carry.start, carry.stop):
            given[place] = next(self.fresh)
            begun = Operation(call, CARRY, (reads[place],), (given[place],), loop)
            self.found.operations.append(begun)
        made = self._inside(body, given, call, loop)
        self.found.carried |= dict(zip(given[carry], made))
        return made

    def _joined(self, call: int | None, values: tuple[int, ...], loop: Any) -> int:
        made = next(self.fresh)
        self.found.operations.append(Operation(call, "select_n", values, (made,), loop))
        return made


def _call_of(equation: Any, outer: int | None) -> int | None:
    """The innermost module at work; outer: that of the call of the program around it."""
    for part in reversed(equation.source_info.name_stack.stack):
        name = getattr(part, "name", "")
        if name.startswith(_MARK):
            return int(name.removeprefix(_MARK))
    return outer


def roots(calls: Sequence[Call]) -> Iterator[tuple[int, Call]]:
    """The calls of players' own modules, each with its number."""
    seen = set()
    for number, call in enumerate(calls):
        if call.root not in seen:
            seen.add(call.root)
            yield number, call
