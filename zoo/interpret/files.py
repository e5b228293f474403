"""Files of `python -m zoo interpret`: each is whole or absent, and has a line about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo import durable, writing


def write_picture(path: Path, figure: Any, about: str) -> str:
    with writing.replacing(path) as (part,):
        figure.savefig(part, dpi=100, bbox_inches="tight", format="png")
    return f"{path}: {about}"


def archive(path: Path, numbers: Mapping[str, Any]) -> str:
    with writing.replacing(path) as (part,), part.open("wb") as file:
        durable.save_arrays(file, numbers)
    return f"{path}: {len(numbers)} arrays, " + ", ".join(list(numbers)[:3]) + ", ..."
