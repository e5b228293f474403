"""What a compiled program costs, read off its text: products, bytes, collectives, slow parts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

from zoo.devices.hlo import Computation, Instruction, Module, Shape, walk_instructions

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
FREE = {
    "parameter",
    "constant",
    "get-tuple-element",
    "tuple",
    "bitcast",
    "while",
    "conditional",
    "call",
    "partition-id",
    "after-all",
}
_SLICED = {"dynamic-slice", "slice", "gather"}
PASSES = {"highest": 6, "high": 3}  # products in bfloat16 that make one in float32


@dataclass(frozen=True)
class Products:
    """Floating-point operations of convolutions and matrix products of a program.

    once: with every loop counted once, as XLA's own analysis does. inside: as they run. passes: in
    bfloat16, of which a TPU makes six for one that is asked for in all of float32.
    """

    once: float
    inside: float
    passes: float


def products(module: Module, rounds: int) -> Products:
    found = [
        (_product(one, computation), times, _passes(one))
        for one, computation, times in walk_instructions(module, rounds, inside_fusions=True)
        if one.opcode in ("convolution", "dot")
    ]
    return Products(
        sum(flops for flops, _, _ in found),
        sum(flops * times for flops, times, _ in found),
        sum(flops * times * count for flops, times, count in found),
    )


def _product(one: Instruction, computation: Computation) -> float:
    """2 x outputs x what is summed for each; holes of a dilated input are left out."""
    result = prod(one.shapes[0].sizes)
    first, kernel = (computation.by_name[name].shapes[0].sizes for name in one.operands[:2])
    if one.opcode == "dot":
        axes = [int(axis) for axis in re.findall(r"\d+", one.attribute("lhs_contracting_dims"))]
        return 2.0 * result * prod(first[axis] for axis in axes)
    labels = re.search(r"dim_labels=\w+_(\w+)->\w+", one.rest)
    summed = [size for size, label in zip(kernel, labels[1] if labels else "") if label != "o"]
    holes = re.search(r"lhs_dilate=([\dx]+)", one.rest)
    empty = prod(int(n) for n in holes[1].split("x")) if holes else 1
    return 2.0 * result * prod(summed) / empty


def _passes(one: Instruction) -> int:
    """Products in bfloat16 that a TPU makes for one: six where all of float32 was asked for."""
    asked = re.search(r"operand_precision=\{(\w+)", one.rest)
    return PASSES.get(asked[1], 1) if asked else 1


def memory_traffic(module: Module, rounds: int) -> float:
    """Bytes between main memory and chip: what every instruction reads and writes there."""
    return sum(
        times * _traffic(one, computation, module)
        for one, computation, times in walk_instructions(module, rounds)
        if one.opcode not in FREE and not one.opcode.endswith("-done")
    )


def _traffic(one: Instruction, computation: Computation, module: Module) -> float:
    inner = module.computations.get(one.attribute("calls").lstrip("%"))
    inner = inner if one.opcode == "fusion" else None
    total = 0.0
    for place, name in enumerate(one.operands):
        operand = computation.by_name.get(name)
        if operand is not None and operand.opcode != "constant":
            total += _read(operand.shapes, place, inner, one)
    return total + sum(_written(one, place, inner) for place in range(len(one.shapes)))


def _read(
    shapes: Iterable[Shape], place: int, inner: Computation | None, one: Instruction
) -> float:
    """Bytes of an operand that are read: of one that is only sliced, the slices."""
    whole = sum(shape.bytes for shape in shapes if not shape.near)
    if not whole:
        return 0.0
    if inner is None:
        updated = one.opcode == "dynamic-update-slice" and place == 0
        sliced = one.opcode in _SLICED and place == 0
        return 0.0 if updated else sum(s.bytes for s in one.shapes) if sliced else whole
    own = f"{place})"
    names = [
        p.name for p in inner.instructions if p.opcode == "parameter" and p.rest.startswith(own)
    ]
    shares = [_share(user, name, whole) for name in names for user in inner.users.get(name, [])]
    return min(whole, sum(shares)) if shares else whole


def _share(user: Instruction, name: str, whole: float) -> float:
    """How much of an array one of its users in a fusion reads."""
    if user.operands[:1] == (name,) and user.opcode in _SLICED:
        return sum(shape.bytes for shape in user.shapes)
    if user.operands[:1] == (name,) and user.opcode == "dynamic-update-slice":
        return 0.0
    return whole


def _written(one: Instruction, place: int, inner: Computation | None) -> float:
    """Bytes of a result; of one that is updated in place, the update."""
    shape = one.shapes[place]
    if shape.near:
        return 0.0
    if inner is None and one.opcode != "dynamic-update-slice":
        return shape.bytes
    if inner is None:
        return 0.0  # the update was counted as it was read
    root = next(i for i in inner.instructions if i.root)
    if root.opcode == "tuple" and place < len(root.operands):
        root = inner.by_name.get(root.operands[place], root)
    if root.opcode == "dynamic-update-slice":
        return sum(s.bytes for s in inner.by_name[root.operands[1]].shapes)
    return shape.bytes


def collectives(module: Module, rounds: int) -> dict[str, dict[str, Any]]:
    """Of each kind: how many run, the bytes that they give to a chip, and the largest's origin."""
    found: dict[str, dict[str, Any]] = {}
    for one, _, times in walk_instructions(module, rounds, inside_fusions=True):
        kind = one.opcode.removesuffix("-start")
        if kind not in COLLECTIVES:
            continue
        # A start gives what it takes as well as what it makes.
        taken = one.shapes[len(one.shapes) // 2 :] if one.opcode != kind else one.shapes
        size = sum(shape.bytes for shape in taken)
        entry = found.setdefault(kind, {"count": 0, "bytes": 0.0, "largest": 0.0, "origin": ""})
        entry["count"] += int(times)
        entry["bytes"] += times * size
        if size > entry["largest"]:
            entry |= {"largest": size, "origin": _short(one.origin)}
    return found


def cycles(module: Module, rounds: int) -> float:
    """The compiler's own estimates, added up: of what runs one after another on one core."""
    return sum(times * one.cycles for one, _, times in walk_instructions(module, rounds))


def longest(module: Module, rounds: int, count: int = 5) -> list[dict[str, Any]]:
    """The origins that take most of the compiler's estimate, with their shares."""
    totals: Counter[str] = Counter()
    for one, _, times in walk_instructions(module, rounds):
        if one.cycles:
            totals[_short(one.origin) or one.opcode] += int(times * one.cycles)
    whole = sum(totals.values()) or 1
    return [
        {"origin": name, "share": round(value / whole, 3)}
        for name, value in totals.most_common(count)
    ]


def padding(module: Module) -> float:
    """Bytes of all results in main memory with their tiles filled up, over those without."""
    plain = filled = 0.0
    for one, _, _ in walk_instructions(module):
        if one.opcode in FREE or one.opcode.endswith("-done"):
            continue
        for shape in one.shapes:
            plain += shape.bytes
            filled += shape.padded
    return filled / plain if plain else 1.0


def slow_instructions(module: Module, rounds: int) -> list[dict[str, Any]]:
    """Loops, scatters, gathers, sorts, transforms and convolutions of the slow kinds, by origin.

    What stands more than once at one place is counted there: {what, origin, count}.
    """
    found: dict[tuple[str, str], float] = defaultdict(float)
    for one, _, times in walk_instructions(module, rounds, inside_fusions=True):
        if what := kind_of(one):
            found[what, _short(one.origin)] += times
    order = sorted(found.items(), key=lambda item: -item[1])
    return [{"what": w, "origin": o, "count": int(n)} for (w, o), n in order]


def kind_of(one: Instruction) -> str:
    """Why an instruction is worth a look; '' where it is not."""
    if one.opcode == "while":
        trips = "unknown" if one.trips is None else one.trips
        scatter = "scatter" in one.origin.rsplit("/", 1)[-1]
        return f"{'scatter as a ' if scatter else ''}loop of {trips} rounds"
    if one.opcode in ("scatter", "gather", "sort", "fft", "triangular-solve", "cholesky"):
        return one.opcode
    if one.opcode == "custom-call":
        target = re.search(r'custom_call_target="([^"]*)"', one.rest)
        name = target[1] if target else ""
        known = not name or name in _QUIET or name.startswith(LIBRARIES)
        return "" if known else f"call of {name}"
    if one.opcode == "convolution":
        return "fft as products" if "jit(fft)" in one.origin else _convolution_of(one.rest)
    return ""


LIBRARIES = ("__cublas", "__cudnn")
_QUIET = {
    "Sharding",
    "AllocateBuffer",
    "ConcatBitcast",
    "AssumeGatherIndicesInBound",
    "SliceToDynamic",
}


def _convolution_of(rest: str) -> str:
    groups = re.search(r"(feature|batch)_group_count=(\d+)", rest)
    if groups:
        return f"convolution in {groups[2]} {groups[1]} groups"
    if "lhs_dilate" in rest:
        return "convolution of a dilated input"
    return "convolution with a reversed kernel" if "rhs_reversal" in rest else ""


def _short(origin: str) -> str:
    """An origin without the jit at its beginning, and not longer than a line."""
    kept = re.sub(r"^jit\(\w+\)/", "", origin)
    return kept if len(kept) <= 120 else f"{kept[:40]}...{kept[-77:]}"
