"""The fields of a stored evaluation, checked where it is read: rows are copied, merged and edited.

Whatever a file holds in the place of a number or a name ends in one line that names file and field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zoo.checkpoints.metadata import Unfit, arguments, as_numbers, as_text, as_texts, mapping
from zoo.errors import BadInput


def _number(value: Any) -> float:
    """A finite number. Raises Unfit."""
    if type(value) not in (int, float) or not abs(value) < 1e300:
        raise Unfit("is no finite number")
    return value


def _count(value: Any) -> int:
    """A whole number. Raises Unfit."""
    if type(value) is not int:
        raise Unfit("is no whole number")
    return value


def _spans(value: Any) -> None:
    """{name: [low, high]}. Raises Unfit."""
    for name, span in mapping(value).items():
        if not isinstance(span, list) or len(span) != 2:
            raise Unfit(f"holds '{name[:60]}', which is no [low, high]")
        as_numbers(dict(zip(("low", "high"), span)))


def _described(value: Any) -> None:
    """A data set, which has a name if anything. Raises Unfit."""
    as_text(mapping(value).get("name", ""))


def _monitored(value: Any) -> None:
    """A metric's name, or [name, 'max' or 'min']. Raises Unfit."""
    for part in value if isinstance(value, list) and value else [value]:
        as_text(part)


_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("config", "row", "task", "title", "split", "protocol", "source"), as_text),
    **dict.fromkeys(("device", "machine", "commit", "date", "weights", "weights_sha256"), as_text),
    **dict.fromkeys(("system", "on"), as_text),
    **dict.fromkeys(("metrics", "counts", "reported", "published", "spread"), as_numbers),
    **dict.fromkeys(("arguments", "changed"), arguments),
    **dict.fromkeys(("parameters", "step", "runs"), _count),
    **dict.fromkeys(("training_seconds", "evaluation_seconds", "cpu_seconds"), _number),
    "data": _described,
    "intervals": _spans,
    "monitor": _monitored,
    "versions": as_texts,
}
OR_NONE = ("commit", "data", "monitor", "parameters", "row", "step", "training_seconds", "weights")


def check_row(row: dict[str, Any], path: Path) -> dict[str, Any]:
    """The row as it is. Raises BadInput that names the first field that no evaluation writes."""
    for name, fits in _FIELDS.items():
        if name not in row or (row[name] is None and name in OR_NONE):
            continue
        try:
            fits(row[name])
        except Unfit as error:
            raise BadInput(f"{path}: '{name}' {error}: evaluate {path.stem} again") from None
    return row
