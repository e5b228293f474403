"""Frozen dataclasses out of JSON that anyone may have written: every field by its annotation."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, TypeVar

from zoo.checkpoints.metadata import Unfit, as_numbers, as_text, mapping, name
from zoo.errors import BadInput

_Record = TypeVar("_Record")
_LARGEST = 1 << 28  # of samples, of a batch
FROM_ZERO = ("margin", "shifts", "seed")  # other whole numbers are lengths and counts


def typed_record(kind: type[_Record], value: Any) -> _Record:
    """An object of a dataclass whose fields `value` gives, none other. Raises Unfit.

    Fields that are missing take their defaults.
    """
    hints = typing.get_type_hints(kind)
    known = {field.name: field for field in dataclasses.fields(typing.cast(Any, kind))}
    if odd := mapping(value).keys() - known.keys():
        raise Unfit(f"has no '{min(odd)[:60]}'")
    try:
        return kind(**{key: _value(hints[key], item, key) for key, item in value.items()})
    except (TypeError, BadInput) as error:
        raise Unfit(f"is none: {error}") from None


def _value(hint: Any, value: Any, key: str) -> Any:
    """`value` where it is of the annotated type. Raises Unfit that names the field."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _value(inner[0], value, key)
    if dataclasses.is_dataclass(hint):
        return typed_record(typing.cast(type, hint), value)
    if origin is tuple and isinstance(value, list | tuple) and len(value) <= 10_000:
        return tuple(_value(inner[0], item, key) for item in value)
    if origin is Literal and value in inner:
        return value
    if hint == dict[str, float]:
        return as_numbers(value)
    if hint is float and type(value) in (int, float):
        return as_numbers({key: value})[key]
    if hint is int and type(value) is int and _fits(value, key):
        return value
    if hint is bool and type(value) is bool:
        return value
    if hint is str:
        return name(value) if key == "key" else as_text(value)
    raise Unfit(f"has no sound '{key}'")


def _fits(value: int, key: str) -> bool:
    return (0 if key in FROM_ZERO else 1) <= value <= _LARGEST


def object_fields(value: Any, *wanted: str) -> list[Any]:
    """The values of an object that must hold just these. Raises Unfit."""
    if not isinstance(value, dict) or value.keys() != set(wanted):
        raise Unfit(f"must hold {', '.join(wanted)} and no more")
    return [value[key] for key in wanted]
