"""results/COMPILED.md: what XLA's compilers say of programs for accelerators that were not there.

From results/compiled/*.json, which `python -m zoo compile` writes. The same files always give the
same text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.devices import chips
from zoo.errors import BadInput
from zoo.report import facts

COMPILED_FOLDER = "compiled"
_HEAD = (
    "Row",
    "Devices",
    "Batch",
    "GiB a chip",
    "Fits",
    "Bound by",
    "Steps/s",
    "Audio",
    "Compiled",
)
_OPENING = (
    "Rendered by `python -m zoo report --table` from `results/compiled/`, which `python -m zoo "
    "compile CONFIG --topology v5e:4x4 --results results/compiled` writes; do not edit. Nothing "
    "here ran: XLA's own compiler made every program of a row for a described slice. *GiB a chip* "
    "is of the largest program: arguments, outputs, temporaries, code. *Bound by* and *steps/s at "
    "best* are a roofline: the most of products over the chip's bfloat16 peak, bytes over its "
    "memory's bandwidth, collectives over its links; in parentheses steps by the compiler's own "
    "estimate, the cycles of all instructions one after another (of kernels that it does not "
    "estimate, and of copies hidden behind others, nothing is in it). *Audio* is how many seconds "
    "one chip samples in a second at best, all voices together; sample by sample the number of "
    "kernels counts, so that only the estimate in parentheses is near. *Compiled* are seconds on "
    "one core."
)
FIGURES = "Figures of chips: "


def compiled_page(rows: Sequence[Mapping[str, Any]]) -> str:
    """The whole file: a table of rows, by config, and the remarks of each."""
    from zoo.report import tables

    lines = ["# Compiled for", "", _OPENING, "", FIGURES + _sources(rows), ""]
    lines += tables.markdown(_HEAD, [_line(row) for row in rows]) if rows else ["Nothing yet."]
    for row in rows:
        lines += _remarks(row)
    return "\n".join(lines).rstrip() + "\n"


def read_compiled_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a folder that are complete, by config and number of chips."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        row = facts.load_json(path)
        if not isinstance(row.get("programs"), list) or "config" not in row:
            raise BadInput(f"{path} is no compiled row: compile {path.stem} again")
        if row.get("complete"):
            _check(row, path)
            rows.append(row)
    return sorted(rows, key=lambda row: (row["config"], row["chips"], row["batch"]))


def _check(row: Mapping[str, Any], path: Path) -> None:
    """Raises BadInput where a row cannot be shown: it was edited, or written by another version."""
    try:
        "".join([*_line(row), *_remarks(row), _sources([row])])
        row["chips"] + row["batch"] + 0  # by which rows are sorted
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        why = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise BadInput(f"{path} is no compiled row ({why}): compile {path.stem} again") from None


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    sampled = row.get("second_of_audio")
    voices = next((p["voices"] for p in row["programs"] if "voices" in p), 0)
    took = sum(sum(p.get("seconds", {}).values()) for p in row["programs"])
    step = row.get("step")
    return (
        f"`{_name(row)}`",
        _devices(row),
        f"{row['batch']}",
        f"{row['most_bytes'] / 2**30:.2f}",
        "yes" if row["fits"] else "**no**",
        (step or sampled or {}).get("bound_by", "–"),
        _rate(step) if step else "–",
        f"{_rate(sampled, voices)} x" if sampled else "–",
        f"{took:.0f} s",
    )


def _name(row: Mapping[str, Any]) -> str:
    """The config's row with what was changed, but for a batch that stands in its column."""
    changed = [f"{k}={v}" for k, v in row["arguments"].items() if k != "batch"]
    return " ".join([row["config"], *changed])


def _devices(row: Mapping[str, Any]) -> str:
    many = f"{row['slices']} x " if row["slices"] > 1 else ""
    split = f", fsdp {row['mesh']['fsdp']}" if row["mesh"]["fsdp"] > 1 else ""
    return f"{many}{row['topology']} ({row['chips']}{split})"


def _rate(step: Mapping[str, Any], each: int = 1) -> str:
    """So many a second at best, and by the compiler's own estimate."""
    estimate = f" ({each / step['estimate']:.3g})" if step.get("estimate") else ""
    return f"{each / step['least']:.3g}{estimate}"


def _remarks(row: Mapping[str, Any]) -> list[str]:
    if not row["remarks"]:
        return []
    title = f"**`{_name(row)}` on {_devices(row)}**, {row['compiler']}, JAX {row['jax']}:"
    return ["", title, "", *(f"- {remark}" for remark in row["remarks"])]


def _sources(rows: Sequence[Mapping[str, Any]]) -> str:
    """The published figures of the chips that rows name, and where they stand."""
    named = {row["device"] for row in rows}
    known = [chip for chip in chips.CHIPS if any(chips.find_chip(kind) is chip for kind in named)]
    parts = [
        f"{chip.name} {chip.flops / 1e12:.0f} TFLOP/s in bfloat16, {chip.memory / 2**30:.0f} GiB "
        f"at {chip.bandwidth / 1e9:.0f} GB/s, links {chip.links / 1e9:.0f} GB/s ({chip.source})"
        for chip in known
    ]
    return "; ".join(parts or ["none"]) + "."
