"""TensorFlow Lite's .tflite files, read without TensorFlow: the weights, by what they are used for.

The file is a FlatBuffer of tensors and operators. The converter merges equal constants and drops
names, so arrays are called after the operator that takes them: 'net/conv1d/BiasAdd:1' is the second
input of the operator whose output is called net/conv1d/BiasAdd. Written from the published schema.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.errors import BadInput

FLOAT32 = 0  # of TensorType


class _Table:
    """A FlatBuffer table: fields by number, each a scalar, a table or a vector of them."""

    def __init__(self, raw: bytes, at: int):
        self.raw, self.at = raw, at
        self.fields = at - struct.unpack_from("<i", raw, at)[0]
        self.size = struct.unpack_from("<H", raw, self.fields)[0]

    def place(self, field: int) -> int:
        """Where a field's value lies; 0 where it has its default."""
        entry = 4 + 2 * field
        if entry >= self.size:
            return 0
        offset = struct.unpack_from("<H", self.raw, self.fields + entry)[0]
        return self.at + offset if offset else 0

    def number(self, field: int, kind: str = "<I") -> int:
        place = self.place(field)
        return struct.unpack_from(kind, self.raw, place)[0] if place else 0

    def vector(self, field: int) -> tuple[int, int]:
        """(place of the first item, how many)."""
        place = self.place(field)
        if not place:
            return 0, 0
        start = place + struct.unpack_from("<I", self.raw, place)[0]
        return start + 4, struct.unpack_from("<I", self.raw, start)[0]

    def tables(self, field: int) -> list[_Table]:
        start, count = self.vector(field)
        places = range(start, start + 4 * count, 4)
        return [_Table(self.raw, p + struct.unpack_from("<I", self.raw, p)[0]) for p in places]

    def integers(self, field: int) -> list[int]:
        start, count = self.vector(field)
        return list(struct.unpack_from(f"<{count}i", self.raw, start))

    def content(self, field: int) -> bytes:
        start, count = self.vector(field)
        if start + count > len(self.raw):
            raise ValueError("a field beyond the end")
        return self.raw[start : start + count]


def read_tflite(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """The float32 constants of the first graph of one file, by their use, without those of zeros
    that stand for no bias at all.
    """
    if len(paths) != 1:
        raise BadInput(f"a TensorFlow Lite model is one file, not {len(paths)}")
    raw = paths[0].read_bytes()
    if raw[4:8] != b"TFL3":
        raise BadInput(f"{paths[0]} is no TensorFlow Lite model: it lacks the mark TFL3")
    try:
        return _constants(_Table(raw, struct.unpack_from("<I", raw, 0)[0]))
    except (struct.error, ValueError, IndexError) as error:
        raise BadInput(f"{paths[0]} is no sound TensorFlow Lite model ({error})") from error


def _constants(model: _Table) -> dict[str, np.ndarray]:
    graph, buffers = model.tables(2)[0], model.tables(4)
    tensors, found = graph.tables(0), {}
    for operator in graph.tables(3):
        name = tensors[operator.integers(2)[0]].content(3).decode()
        for position, index in enumerate(operator.integers(1)):
            if index < 0 or tensors[index].number(1, "<b") != FLOAT32:
                continue
            content = buffers[tensors[index].number(2)].content(0)
            if content:
                array = np.frombuffer(content, "<f4").reshape(tensors[index].integers(0))
                found[f"{name}:{position}"] = array
    # A convolution without a bias is given zeros; the bias is added behind it.
    return {k: v for k, v in found.items() if not (k.endswith(":2") and not v.any())}
