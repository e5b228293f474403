"""`python -m zoo doctor --distributed`: what would stop a run on several hosts, told before it."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.report.doctor import installed_version

ALIKE = ("jax", "jaxlib", "libtpu", "flax", "optax", "orbax-checkpoint", "grain", "waveform-zoo")
SKEW = 2.0  # seconds that clocks may differ: newer files are told from older ones by it


def check_pod(folder: Path | None, batch: int | None) -> tuple[list[str], list[str]]:
    """(lines on every process, what is wrong). All processes must call it.

    folder: a --workdir that all are to see. batch: of all devices together.
    """
    import jax

    from zoo.checkpoints.processes import gather_values

    seen = _shared(folder) if folder is not None else None
    gather_values("ready")  # so that clocks are read at one time
    own = {
        "process": jax.process_index(),
        "host": socket.gethostname(),
        "devices": jax.local_device_count(),
        "kind": jax.local_devices()[0].device_kind,
        "versions": {name: installed_version(name) for name in ALIKE},
        "clock": time.time(),
        "seen": seen,
    }
    every = gather_values(own)
    return [_line(each) for each in every], faults(every, folder, batch)


def _shared(folder: Path) -> list[int] | str:
    """The processes whose files this one sees in `folder`; why it cannot write there."""
    import jax

    from zoo.checkpoints.processes import gather_values

    stem = ".zoo-doctor-"
    mine, answer = folder / f"{stem}{jax.process_index()}", ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mine.write_text(str(os.getpid()))
    except OSError as error:
        answer = error.strerror or str(error)
    gather_values("written")
    try:
        seen = sorted(int(p.name.removeprefix(stem)) for p in folder.glob(f"{stem}*"))
    except OSError:
        seen = []
    gather_values("seen")
    if not answer:
        mine.unlink(missing_ok=True)
    return answer or seen


def _line(each: dict[str, Any]) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in each["versions"].items() if v != "-")
    devices = f"{each['devices']} x {each['kind']}"
    return f"process {each['process']} on {each['host']}: {devices}; {versions}"


def faults(every: Sequence[dict[str, Any]], folder: Path | None, batch: int | None) -> list[str]:
    """One line for everything that differs or fails, with what would be right."""
    found = []
    counts = Counter((each["devices"], each["kind"]) for each in every)
    if len(counts) > 1:
        listed = "; ".join(f"process {e['process']}: {e['devices']} x {e['kind']}" for e in every)
        found.append(f"devices differ, where every process needs as many of one kind: {listed}")
    for name in ALIKE:
        known = {each["versions"][name] for each in every}
        if len(known) > 1:
            odd = ", ".join(f"{e['versions'][name]} on {e['host']}" for e in every)
            found.append(f"{name} differs, install one version: {odd}")
    skew = max(e["clock"] for e in every) - min(e["clock"] for e in every)
    if skew > SKEW:
        found.append(f"clocks differ by {skew:.1f} s: let the hosts set them from one server")
    if folder is not None:
        found += [text for each in every if (text := _of_folder(each, every, folder))]
    devices = sum(each["devices"] for each in every)
    if batch is not None and batch % devices:
        above = -(-batch // devices) * devices
        found.append(f"batch={batch} does not divide over {devices} devices: batch={above} would")
    return found


def _of_folder(each: dict[str, Any], every: Sequence[dict[str, Any]], folder: Path) -> str:
    who = f"process {each['process']} on {each['host']}"
    if isinstance(each["seen"], str):
        return f"{who} cannot write to {folder}: {each['seen']}"
    missing = sorted(
        {e["process"] for e in every if not isinstance(e["seen"], str)} - set(each["seen"])
    )
    if not missing:
        return ""
    return f"{who} does not see what process {missing[0]} wrote to {folder}: mount one file system"
