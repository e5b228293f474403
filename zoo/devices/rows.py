"""One row for a config on a topology: made, kept as JSON, and made anew only where it changed."""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

from zoo import durable
from zoo import mesh as meshes
from zoo.arguments import format_value
from zoo.devices import measure, programs
from zoo.devices.topology import Topology
from zoo.experiment import Config, Experiment
from zoo.report import facts
from zoo.report.stored import ELSEWHERE

Say = Callable[[str], None]
VOICES = 8


def path_of(folder: Path, config: Config, arguments: dict[str, Any], topology: Topology) -> Path:
    """CONFIG.ROW-changed=argument--topology.json; where data lie is no part of it."""
    words = [f"-{k}={v}" for k, v in _changed(config, arguments).items() if k not in ELSEWHERE]
    stem = config.row.id + re.sub(r"[^\w.=,-]", "_", "".join(words))
    many = f"x{topology.slices}" if topology.slices > 1 else ""
    return folder / f"{stem}--{topology.name.replace(':', '-')}{many}.json"


def make_row(
    config: Config, arguments: dict[str, Any], topology: Topology, folder: Path, say: Say
) -> dict[str, Any]:
    """The row of a config on a topology, kept after every program.

    Programs that a stored row has, by the digest of what they lower to, are not compiled again.
    """
    path = path_of(folder, config, arguments, topology)
    experiment, arguments, remarks = fit_batch(config, arguments, topology)
    mesh = meshes.make_mesh(experiment.fsdp, topology.devices)
    if topology.slices > 1:
        remarks = [*remarks, "the bound takes links between slices for as fast as those inside"]
    folder.mkdir(parents=True, exist_ok=True)
    standing = _standing_in(path, topology)
    lowered = measure.lower_all(programs.of_experiment(experiment, mesh, VOICES))
    about = {
        "config": config.row.id,
        "arguments": _changed(config, arguments),
        "topology": topology.name,
        "slices": topology.slices,
        "chips": len(topology.devices),
        "device": topology.kind,
        "mesh": dict(mesh.shape),
        "batch": experiment.batch,
        "compiler": topology.compiler,
        "jax": metadata.version("jax"),
        "commit": _commit(),
    }
    found: list[dict[str, Any]] = []
    for one in lowered:
        stands = standing.get(one.digest)
        found.append(stands or measure.measure_program(one, topology.chip))
        say(f"{_line(path.stem, found[-1])}{' (stands)' if stands else ''}")
        row = {
            **about,
            "complete": len(found) == len(lowered),
            **summarise_programs(found, topology),
            "remarks": remarks + row_remarks(found),
            "programs": found,
        }
        if not stands or row["complete"]:
            durable.write_json(path, row)
    return row


def _standing_in(path: Path, topology: Topology) -> dict[str, dict[str, Any]]:
    """The programs of a stored row, by digest, if the same compiler made them."""
    before = facts.load_json(path) if path.is_file() else {}
    if before.get("compiler") != topology.compiler:
        return {}
    programs = before.get("programs") or ()
    return {program["digest"]: program for program in programs if program.get("digest")}


def fit_batch(
    config: Config, arguments: dict[str, Any], topology: Topology
) -> tuple[Experiment, dict[str, Any], list[str]]:
    """The experiment with a batch that the chips divide, and a remark where it had to grow."""
    experiment = config.experiment(**arguments)
    parts = len(topology.devices) * experiment.accumulate
    if experiment.batch % parts == 0:
        return experiment, arguments, []
    batch = math.ceil(experiment.batch / parts) * parts
    if "batch" not in config.parameters:  # it has no steps that another batch would change
        return replace(experiment, batch=batch), arguments, []
    remark = f"batch {experiment.batch} -> {batch}, which {len(topology.devices)} chips divide"
    arguments = {**arguments, "batch": batch}
    return config.experiment(**arguments), arguments, [remark]


def _changed(config: Config, arguments: dict[str, Any]) -> dict[str, str]:
    return {k: format_value(v) for k, v in arguments.items() if v != config.defaults.get(k)}


def _commit() -> str:
    """Of this clone; '' where there is none."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def summarise_programs(found: list[dict[str, Any]], topology: Topology) -> dict[str, Any]:
    """fits; and, of a step and of a second of sampled audio, the seconds at the least."""
    sizes = [p["bytes"]["total"] for p in found if "bytes" in p]
    about: dict[str, Any] = {"most_bytes": max(sizes, default=0)}
    about["fits"] = not any("error" in p for p in found)
    if topology.chip is None:
        return about
    about["fits"] = about["fits"] and about["most_bytes"] <= topology.chip.memory
    for kind, name in (("turn", "step"), ("sample", "second_of_audio")):
        chosen = [p for p in found if p["kind"] == kind]
        if chosen and all("bounds" in p for p in chosen):
            about[name] = {
                "least": sum(p["often"] * p["bounds"][p["bound_by"]] for p in chosen),
                "bound_by": max(chosen, key=_weight)["bound_by"],
            }
            if any("estimate" in p for p in chosen):
                about[name]["estimate"] = sum(_estimate(p) for p in chosen)
    return about


def _weight(program: dict[str, Any]) -> float:
    """Seconds of a program at the least, as often as it runs."""
    return program["often"] * program["bounds"][program["bound_by"]]


def _estimate(program: dict[str, Any]) -> float:
    """Those that the compiler says; at the least where it says none, as of bare copies."""
    return program["often"] * program["estimate"] if "estimate" in program else _weight(program)


def row_remarks(found: list[dict[str, Any]]) -> list[str]:
    """What a reader should know of a row, one line each."""
    lines = []
    for one in found:
        name = f"{one['kind']} {one['name']}"
        if "error" in one:
            lines.append(f"{name}: {one['error']}")
            continue
        if one["padding"] > 2:
            lines.append(f"{name}: tiles are filled up to {one['padding']:.1f} times the bytes")
        places: dict[str, list[str]] = {}
        for entry in one["slow"]:
            if entry["what"].startswith(_SLOW):
                places.setdefault(entry["what"], []).append(entry["origin"])
        for what, origins in places.items():
            lines.append(f"{name}: {what} at {len(origins)} places, as {origins[0] or 'unnamed'}")
        gathered = one["collectives"].get("all-gather", {})
        if gathered.get("bytes", 0) > 2**26:
            size, where = gathered["bytes"] / 2**20, gathered["origin"]
            lines.append(f"{name}: gathers {size:.0f} MiB, most of it at {where or 'its end'}")
    return lines


# Kinds of instructions that TPUs are slow at.
_SLOW = ("scatter", "fft", "sort", "convolution in", "call of FFT", "cholesky", "triangular")


def _line(name: str, one: dict[str, Any]) -> str:
    """What a program came to, for whoever waits."""
    head = f"{name}: {one['kind']} {one['name']}"
    if "error" in one:
        return f"{head}: {one['error'][:160]}"
    size = f"{one['bytes']['total'] / 2**20:,.0f} MiB a chip"
    text = f"{head}: {one['seconds']['compile']:.0f} s to compile, {size}"
    if "bounds" in one:
        text += f", {1e3 * one['bounds'][one['bound_by']]:.3g} ms at least ({one['bound_by']})"
    if "estimate" in one:
        text += f", the compiler says {1e3 * one['estimate']:.3g} ms"
    return text
