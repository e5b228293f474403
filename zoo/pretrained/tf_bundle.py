"""TensorFlow's checkpoint bundles (.index and .data-00000-of-00001), read without TensorFlow.

The index is a LevelDB table of protocol buffers (type, shape, place in the data file), the data are
raw and little-endian. Written from the published formats; checksums inside the table are not
looked at, since the files come with SHA-256 of their own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from zoo.errors import BadInput
from zoo.pretrained import protobuf
from zoo.pretrained.protobuf import varint

_MAGIC = 0xDB4775248B80FB57
_TYPES = {  # numbers of tensorflow.DataType
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "|u1",
    5: "<i2",
    6: "|i1",
    9: "<i8",
    10: "|b1",
    17: "<u2",
    19: "<f2",
    22: "<u4",
    23: "<u8",
}
_SLICED = 7


def read_tf_bundle(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """All tensors of a bundle of one shard, by name."""
    index = [path for path in paths if path.name.endswith(".index")]
    data = [path for path in paths if path.name.endswith(".data-00000-of-00001")]
    if len(index) != 1 or len(data) != 1 or len(paths) != 2:
        raise BadInput("a TensorFlow bundle is one .index and one .data-00000-of-00001 file")
    try:
        entries = list(_table(index[0].read_bytes()))
        return _tensors(entries, data[0])
    except (ValueError, IndexError, KeyError, struct.error) as error:
        raise BadInput(f"{index[0]} is no sound TensorFlow bundle ({error})") from error


def _tensors(entries: list[tuple[str, bytes]], data: Path) -> dict[str, np.ndarray]:
    raw = data.read_bytes()
    result: dict[str, np.ndarray] = {}
    for name, message in entries:
        fields = dict(protobuf.message_fields(message))
        if not name:  # the header: shards in field 1, a non-zero byte order in field 2
            if fields.get(1, 1) != 1 or fields.get(2, 0):
                raise ValueError("several shards, or big-endian")
            continue
        if _SLICED in fields or fields.get(3, 0):
            raise ValueError(f"{name} is cut in slices")
        dtype = np.dtype(_TYPES[fields[1]]) if fields[1] in _TYPES else None
        if dtype is None:
            continue  # strings and resources: no weights
        shape = _shape(fields.get(2, b""))
        start, size = fields.get(4, 0), fields.get(5, 0)
        items = 1
        for length in shape:
            items *= length
        if items * dtype.itemsize != size or start + size > len(raw):
            raise ValueError(f"{name} {list(shape)} does not lie in the data file")
        array = np.frombuffer(raw, dtype, items, start)
        result[name] = array.reshape(shape).astype(dtype.newbyteorder("="))
    return result


def _shape(message: bytes) -> tuple[int, ...]:
    dims = (value for number, value in protobuf.message_fields(message) if number == 2)
    return tuple(dict(protobuf.message_fields(dim)).get(1, 0) for dim in dims)


def _table(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Keys and values of an uncompressed LevelDB table."""
    if len(raw) < 48 or struct.unpack("<Q", raw[-8:])[0] != _MAGIC:
        raise ValueError("its last bytes are not those of a table")
    footer = raw[-48:]
    _, position = varint(footer, 0)
    _, position = varint(footer, position)  # past the handle of the meta index
    for _, handle in _block(raw, footer, position):
        for key, value in _block(raw, handle, 0):
            yield key.decode(), value


def _block(raw: bytes, handle: bytes, position: int) -> Iterator[tuple[bytes, bytes]]:
    start, position = varint(handle, position)
    size, _ = varint(handle, position)
    if start + size + 5 > len(raw):
        raise ValueError("a block beyond the end")
    if raw[start + size]:
        raise ValueError("a compressed block")
    block = raw[start : start + size]
    end = size - 4 - 4 * struct.unpack("<I", block[-4:])[0]  # before the restart points
    key, at = b"", 0
    while at < end:
        shared, at = varint(block, at)
        fresh, at = varint(block, at)
        length, at = varint(block, at)
        if shared > len(key) or at + fresh + length > end:
            raise ValueError("an entry beyond its block")
        key = key[:shared] + block[at : at + fresh]
        yield key, block[at + fresh : at + fresh + length]
        at += fresh + length
