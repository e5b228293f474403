"""Protocol buffers as numbered fields, read without schemas: TensorFlow's and ONNX's files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def message_fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(field number, its int or bytes, as the schema has it) of every field of a message.

    raises ValueError or IndexError where the message is damaged.
    """
    at = 0
    value: int | bytes
    while at < len(message):
        tag, at = varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(message, at)
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            value, at = int.from_bytes(message[at : at + width], "little"), at + width
        elif kind == 2:
            length, at = varint(message, at)
            value, at = message[at : at + length], at + length
        else:
            raise ValueError(f"a field of kind {kind}")
        if at > len(message):
            raise ValueError("a field beyond its message")
        yield tag >> 3, value


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """(the number that begins at byte `at`, the place behind it)."""
    value = 0
    for shift in range(0, 64, 7):
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number without end")
