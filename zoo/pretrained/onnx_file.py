"""The weights of an ONNX file, read without ONNX: its graph is looked at, never run.

Initialisers are the tensors of the graph that hold numbers from the start, named as in the module
that was exported, or by the exporter where a constant had no name ('onnx::PRelu_1460').
Source: onnx.proto of the ONNX project, messages ModelProto, GraphProto, TensorProto.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from zoo.errors import BadInput
from zoo.pretrained.protobuf import message_fields, varint

GRAPH, INITIALIZER = 7, 5  # fields of a model, of a graph
DIMS, TYPE, _NAME, RAW, OUTSIDE = 1, 2, 8, 9, 14  # fields of a tensor
_TYPES = {  # numbers of TensorProto.DataType
    1: "<f4",
    2: "|u1",
    3: "|i1",
    4: "<u2",
    5: "<i2",
    6: "<i4",
    7: "<i8",
    9: "|b1",
    10: "<f2",
    11: "<f8",
    12: "<u4",
    13: "<u8",
}
PACKED = {4: "<f4", 10: "<f8"}  # fields of floats in place of raw bytes


def read_onnx(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """All initialisers of the files, by name."""
    result: dict[str, np.ndarray] = {}
    for path in paths:
        try:
            result |= dict(_initialisers(path.read_bytes()))
        except (ArithmeticError, IndexError, KeyError, TypeError, ValueError) as error:
            raise BadInput(f"{path} is no sound ONNX file ({error}): obtain it anew") from error
    return result


def _initialisers(raw: bytes) -> Iterator[tuple[str, np.ndarray]]:
    graphs = [value for number, value in message_fields(raw) if number == GRAPH]
    if len(graphs) != 1:
        raise ValueError(f"{len(graphs)} graphs")
    for number, tensor in message_fields(graphs[0]):
        if number == INITIALIZER:
            yield _tensor(tensor)


def _tensor(message: bytes) -> tuple[str, np.ndarray]:
    found: dict[int, list] = {}
    for number, value in message_fields(message):
        found.setdefault(number, []).append(value)
    name = found[_NAME][0].decode()
    if found.get(OUTSIDE, [0])[0]:
        raise ValueError(f"{name} lies in another file")
    dtype = np.dtype(_TYPES[found[TYPE][0]])
    array = _numbers(found, dtype, name)
    shape = tuple(size for value in found.get(DIMS, ()) for size in _sizes(value))
    items = 1
    for size in shape:
        items *= size
    if items != array.size:
        raise ValueError(f"{name} {list(shape)} has {array.size:,} numbers")
    return name, array.reshape(shape).astype(dtype.newbyteorder("="))


def _numbers(found: dict[int, list], dtype: np.dtype, name: str) -> np.ndarray:
    """The tensor's numbers in a row, from its raw bytes or from a packed field."""
    if RAW in found:
        return np.frombuffer(found[RAW][0], dtype)
    for number, kind in PACKED.items():
        if number in found and np.dtype(kind) == dtype:
            return np.frombuffer(b"".join(found[number]), dtype)
    if 7 in found and dtype == np.dtype("<i8"):
        return np.array([n for value in found[7] for n in _sizes(value)], "u8").view("i8")
    raise ValueError(f"{name} holds no numbers that are read here")


def _sizes(value: int | bytes) -> list[int]:
    """A repeated whole number: one of it, or all of them packed."""
    if isinstance(value, int):
        return [value]
    sizes, at = [], 0
    while at < len(value):
        size, at = varint(value, at)
        sizes.append(size)
    return sizes
