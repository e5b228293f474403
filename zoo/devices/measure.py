"""Compiles a program for devices that are not there, and says what it would take of them."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import jax

from zoo.devices import cost, hlo
from zoo.devices.chips import Chip
from zoo.devices.programs import Program
from zoo.report import flops as flops_of

TOO_MUCH = re.compile(r"Used ([\d.]+)([KMGT]?)i?B? of ([\d.]+)([KMGT]?)i?B? hbm", re.I)
UNITS = {"": 1.0, "K": 2.0**10, "M": 2.0**20, "G": 2.0**30, "T": 2.0**40}
_KEPT = 12  # slow instructions of a program that a row lists


@dataclass(frozen=True)
class Lowered:
    """A program in StableHLO; digest: of its text, by which a stored one is known to stand."""

    program: Program
    traced: Any
    stage: Any
    seconds: float
    digest: str


def lower_all(programs: Iterable[Program]) -> list[Lowered]:
    """Each in StableHLO, once: a last, shorter block of sampling is the same program."""
    found: dict[str, Lowered] = {}
    for one in map(lower, programs):
        same = found.setdefault(one.digest, one)
        if same is not one:
            often = same.program.often + one.program.often
            found[one.digest] = replace(same, program=replace(same.program, often=often))
    return list(found.values())


def lower(program: Program) -> Lowered:
    began = time.perf_counter()
    traced = program.trace()
    stage = traced.lower()
    seconds = time.perf_counter() - began
    digest = hashlib.sha256(stage.as_text().encode()).hexdigest()[:16]
    return Lowered(program, traced, stage, seconds, digest)


def measure_program(lowered: Lowered, chip: Chip | None) -> dict[str, Any]:
    """One program of a row: what it needs and, where the chip is known, how fast it can be."""
    program, began = lowered.program, time.perf_counter()
    about: dict[str, Any] = {"name": program.name, "kind": program.kind, "often": program.often}
    about["digest"] = lowered.digest
    if program.voices:
        about |= {"voices": program.voices, "audio_seconds": program.seconds}
    try:
        compiled = lowered.stage.compile()
    except jax.errors.JaxRuntimeError as error:
        return {**about, **compile_refusal(str(error))}
    seconds = {"lower": lowered.seconds, "compile": time.perf_counter() - began}
    about["seconds"] = {k: round(v, 2) for k, v in seconds.items()}
    return {**about, **_of_compiled(compiled, lowered, chip)}


def compile_refusal(text: str) -> dict[str, Any]:
    """A program that the compiler refuses: how much memory it lacks, or the first line of why."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    why = " ".join(lines[:1])[:300]
    if (found := TOO_MUCH.search(text)) is None:
        return {"error": why}
    used, used_unit, there, unit = found.groups()
    need = float(used) * UNITS[used_unit.upper()]
    return {"error": why, "bytes": {"total": need, "there": float(there) * UNITS[unit.upper()]}}


def _of_compiled(compiled: Any, lowered: Lowered, chip: Chip | None) -> dict[str, Any]:
    """Bytes, products, traffic, collectives, slow instructions and bounds of a compiled program."""
    module, rounds = hlo.parse_hlo(compiled.as_text()), lowered.program.rounds
    flops, passes = operations(compiled, lowered, cost.products(module, rounds))
    moved = cost.memory_traffic(module, rounds)
    sent = cost.collectives(module, rounds)
    slow = cost.slow_instructions(module, rounds)
    about = {
        "bytes": _memory(compiled),
        "flops": flops,
        "flops_in_bfloat16": passes,
        "moved": moved,
        "intensity": round(flops / moved, 2) if moved else None,
        "collectives": sent,
        "padding": round(cost.padding(module), 2),
        "slow": slow[:_KEPT],
        "slow_left_out": max(len(slow) - _KEPT, 0),
        "longest": cost.longest(module, rounds),
    }
    if chip is not None:
        bounds = roofline_bound(passes, moved, sent, chip)
        about |= {"bounds": bounds, "bound_by": max(bounds, key=lambda name: bounds[name])}
        estimate = cost.cycles(module, rounds)
        if chip.clock and estimate:
            about["estimate"] = estimate / chip.clock
    return about


def operations(compiled: Any, lowered: Lowered, products: cost.Products) -> tuple[float, float]:
    """Floating-point operations of one chip: as XLA counts them, loops as often as they run.

    And with products in all of float32 counted as those in bfloat16 that make them. Compilers that
    hide products in calls of libraries give no count: then that of the traced program is shared.
    """
    stated = compiled.cost_analysis()
    if not stated:
        total = flops_of.count_jaxpr_flops(lowered.traced.jaxpr)[0] / lowered.program.mesh.size
        return total, total
    flops = stated.get("flops", 0.0) + products.inside - products.once
    return flops, flops + products.passes - products.inside


def _memory(compiled: Any) -> dict[str, int]:
    """Bytes of one chip; what is donated is counted once."""
    stats = compiled.memory_analysis()
    found = {
        "arguments": stats.argument_size_in_bytes,
        "outputs": stats.output_size_in_bytes - stats.alias_size_in_bytes,
        "temporaries": stats.temp_size_in_bytes,
        "code": stats.generated_code_size_in_bytes,
    }
    return {**found, "total": sum(found.values())}


def roofline_bound(
    flops: float, moved: float, sent: dict[str, Any], chip: Chip
) -> dict[str, float]:
    """Seconds that products, memory and links take at the least, by the chip's published figures.

    An all-reduce is two passes: what is summed here goes round once more.
    """
    links = sum(entry["bytes"] * (2 if kind == "all-reduce" else 1) for kind, entry in sent.items())
    return {
        "products": flops / chip.flops,
        "memory": moved / chip.bandwidth,
        "links": links / chip.links,
    }
