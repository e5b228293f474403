"""Reads the text of an optimised XLA program: computations, instructions, shapes, loops."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

_BITS = {"pred": 8, "bf16": 16, "f16": 16, "token": 0, "opaque": 0}
_HEAD = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$")
_LINE = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ([a-z][\w\-]*)\((.*)$")
SHAPE = re.compile(r"\b([a-z]\w*)\[([\d,<=]*)\](?:\{([^}]*)\})?")
TILE = re.compile(r"T\(([\d,]+)\)")
_NAME = re.compile(r"%([\w.\-]+)")
CALLED = re.compile(r"\b(body|condition|calls|to_apply)=%?([\w.\-]+)")
BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
BRANCH = re.compile(r"(?:true|false)_computation=%?([\w.\-]+)")


@dataclass(frozen=True)
class Shape:
    """An array: element type, sizes, and where its layout puts it. near: not in main memory."""

    kind: str
    sizes: tuple[int, ...]
    layout: str = ""

    @property
    def near(self) -> bool:
        return re.search(r"S\([1-9]", self.layout) is not None

    @property
    def bytes(self) -> float:
        return prod(self.sizes) * _bits(self.kind) / 8

    @property
    def padded(self) -> float:
        """Bytes with the smallest dimensions filled up to whole tiles, as a TPU stores them."""
        tile = TILE.search(self.layout)
        order = self.layout.split(":")[0]
        if not tile or not order or not self.sizes:
            return self.bytes
        sizes = [self.sizes[int(axis)] for axis in reversed(order.split(","))]
        units = [int(unit) for unit in tile[1].split(",")]
        for axis, unit in zip(range(len(sizes) - len(units), len(sizes)), units):
            if axis >= 0:
                sizes[axis] = -(-sizes[axis] // unit) * unit
        return prod(sizes) * _bits(self.kind) / 8


def _bits(kind: str) -> int:
    digits = re.search(r"\d+", kind)
    return _BITS.get(kind, int(digits[0]) if digits else 8)


@dataclass(frozen=True)
class Instruction:
    """One line. shapes: of its results. operands: names. rest: attributes, as they are written."""

    name: str
    opcode: str
    shapes: tuple[Shape, ...]
    operands: tuple[str, ...]
    rest: str
    root: bool = False

    def attribute(self, name: str) -> str:
        """The value behind `name=` up to the next comma at the same depth; '' where it has none."""
        found = re.search(rf"\b{name}=(\{{[^}}]*\}}|[^,\s]*)", self.rest)
        return found[1] if found else ""

    @property
    def origin(self) -> str:
        """What it came from, as JAX named it: jit(step)/jvp(WaveNet)/.../conv_general_dilated."""
        found = re.search(r'op_name="([^"]*)"', self.rest)
        return found[1] if found else ""

    @property
    def cycles(self) -> int:
        found = re.search(r'"estimated_cycles":"(\d+)"', self.rest)
        return int(found[1]) if found else 0

    @property
    def trips(self) -> int | None:
        """Of a loop, how often it runs, where the compiler knows."""
        found = re.search(r'"known_trip_count":\{"n":"(\d+)"', self.rest)
        return int(found[1]) if found else None

    @property
    def called(self) -> list[tuple[str, str]]:
        """(how, computation) of all that it runs."""
        found = [(how, name) for how, name in CALLED.findall(self.rest)]
        for group in BRANCHES.findall(self.rest):
            found += [("branch", name) for name in _NAME.findall(group)]
        return found + [("branch", name) for name in BRANCH.findall(self.rest)]


@dataclass(frozen=True)
class Computation:
    name: str
    instructions: tuple[Instruction, ...]

    @cached_property
    def by_name(self) -> dict[str, Instruction]:
        return {one.name: one for one in self.instructions}

    @cached_property
    def users(self) -> dict[str, list[Instruction]]:
        found: dict[str, list[Instruction]] = {}
        for one in self.instructions:
            for operand in dict.fromkeys(one.operands):
                found.setdefault(operand, []).append(one)
        return found


@dataclass(frozen=True)
class Module:
    computations: dict[str, Computation]
    entry: str


def parse_hlo(text: str) -> Module:
    """The computations of a module's text, as `compiled.as_text()` gives it."""
    found: dict[str, list[Instruction]] = {}
    current, entry = "", ""
    for line in text.splitlines():
        if head := _HEAD.match(line):
            current = head[2]
            found[current] = []
            entry = current if head[1] else entry
        elif current and (match := _LINE.match(line)):
            found[current].append(instruction(match))
        elif line.startswith("}"):
            current = ""
    return Module({name: Computation(name, tuple(lines)) for name, lines in found.items()}, entry)


def instruction(match: re.Match[str]) -> Instruction:
    root, name, result, opcode, rest = match.groups()
    inside, depth = len(rest), 1
    for place, letter in enumerate(rest):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            inside = place
            break
    operands = tuple(_NAME.findall(rest[:inside]))
    return Instruction(name, opcode, shapes(result), operands, rest, bool(root))


def shapes(text: str) -> tuple[Shape, ...]:
    return tuple(
        Shape(kind, tuple(int(n.lstrip("<=")) for n in sizes.split(",") if n), layout)
        for kind, sizes, layout in SHAPE.findall(text)
    )


def walk_instructions(
    module: Module, rounds: int = 1, *, inside_fusions: bool = False
) -> Iterator[tuple[Instruction, Computation, float]]:
    """Every instruction that runs, with its computation and how often it does.

    rounds: of loops whose length the compiler does not know. Of branches each counts once.
    """

    def of(name: str, times: float) -> Iterator[tuple[Instruction, Computation, float]]:
        computation = module.computations.get(name, Computation(name, ()))
        for one in computation.instructions:
            yield one, computation, times
            for how, called in one.called:
                if how in ("body", "condition"):
                    yield from of(called, times * (rounds if one.trips is None else one.trips))
                elif _runs(how, one.opcode, inside_fusions):
                    yield from of(called, times)

    yield from of(module.entry, 1.0)


def _runs(how: str, opcode: str, inside_fusions: bool) -> bool:
    """Whether a computation is run as instructions are, not as part of one that calls it."""
    if how == "branch" or opcode in ("call", "async-start"):
        return True
    return how == "calls" and inside_fusions
