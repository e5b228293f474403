"""Files of torch.save, read without torch and without executing what a pickle asks for.

Three forms: zip archives (torch 1.6 and later), the older stream of pickles with raw storages
behind it, and whole modules of either, whose classes become inert records (`inert`).
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import BadInput
from zoo.pretrained.inert import Record, Reference, Restricted, Tensor, itemsize

LEGACY = 0x1950A86A20F9469CFC6C  # the first pickle of the older form
_LIMIT = 4 << 30
_DEEPEST = 64
_MOST = 1_000_000  # nodes: shared containers can make a small pickle endless

Load = Callable[[Reference], bytes]


def read_torch(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """All arrays of the files, named as torch's state_dict names them; dicts add 'key.'."""
    result: dict[str, np.ndarray] = {}
    for path in paths:
        try:
            root, load = _zipped(path) if zipfile.is_zipfile(path) else _legacy(path)
            result |= _arrays(root, load, 1 << 20 | 4 * path.stat().st_size)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        except (
            pickle.UnpicklingError,
            zipfile.BadZipFile,
            OSError,
            EOFError,
            ValueError,
            KeyError,
            IndexError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
            MemoryError,
            ImportError,
            struct.error,
        ) as error:
            raise BadInput(f"{path} is no sound file of torch.save ({error})") from error
    return result


def _zipped(path: Path) -> tuple[Any, Load]:
    archive = zipfile.ZipFile(path)
    members = {info.filename: info for info in archive.infolist()}
    promised = sum(info.file_size for info in members.values())
    # torch.save compresses nothing: an archive that grows is a bomb.
    if promised > min(_LIMIT, path.stat().st_size):
        raise ValueError(f"an archive that unpacks to {promised:,} bytes")
    roots = [name for name in members if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise ValueError("no data.pkl in it: TorchScript and zips of others are not read")
    stem = roots[0].removesuffix("data.pkl")
    order = members.get(f"{stem}byteorder")
    if order and archive.read(order) != b"little":
        raise ValueError("big-endian")

    def load(reference: Reference) -> bytes:
        return archive.read(members[f"{stem}data/{reference.key}"])

    return Restricted(io.BytesIO(archive.read(roots[0]))).load(), load


def _legacy(path: Path) -> tuple[Any, Load]:
    """Magic number, version, machine, object, list of keys; then every storage: count and bytes."""
    with path.open("rb") as file:
        if Restricted(file).load() != LEGACY or Restricted(file).load() != 1001:
            raise ValueError("neither a zip nor the older form")
        if not Restricted(file).load().get("little_endian", True):
            raise ValueError("big-endian")
        unpickler = Restricted(file)
        root = unpickler.load()
        keys = Restricted(file).load()
        raw: dict[str, bytes] = {}
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            size = count * itemsize(unpickler.references[key].dtype)
            if not 0 <= size <= path.stat().st_size - file.tell():
                raise ValueError(f"storage {key} is cut short")
            raw[key] = file.read(size)
    return root, lambda reference: raw[reference.key]


def _arrays(root: Any, load: Load, limit: int) -> dict[str, np.ndarray]:
    """The arrays below the root by name; together no more than `limit` bytes."""
    result: dict[str, np.ndarray] = {}
    storages: dict[str, np.ndarray] = {}
    taken = 0
    for name, leaf in _walk(root, "", iter(range(_MOST)), 0):
        result[name] = _array(leaf, storages, load)
        taken += result[name].nbytes
        if taken > limit:
            raise ValueError(f"tensors of more than {limit:,} bytes")
    return result


def _walk(node: Any, name: str, nodes: Iterator[int], depth: int) -> Iterator[tuple[str, Any]]:
    """Tensors and arrays below a node; a module's by its parameters, buffers and modules."""
    if depth > _DEEPEST or next(nodes, None) is None:
        raise ValueError(f"nested deeper than {_DEEPEST}, or more than {_MOST:,} things")
    if isinstance(node, Tensor | np.ndarray):
        yield name.removesuffix("."), node
    elif isinstance(node, Record):
        state = node.state if isinstance(node.state, dict) else {}
        for part in ("_parameters", "_buffers", "_modules"):
            yield from _walk(state.get(part) or {}, name, nodes, depth + 1)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(key, str | int):
                yield from _walk(value, f"{name}{key}.", nodes, depth + 1)
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            yield from _walk(value, f"{name}{index}.", nodes, depth + 1)


def _array(leaf: Any, storages: dict[str, np.ndarray], load: Load) -> np.ndarray:
    """A tensor's values out of its storage, which must hold all of them."""
    if isinstance(leaf, np.ndarray):
        return leaf
    reference = leaf.storage
    if reference.key not in storages:
        storages[reference.key] = _storage(reference, load(reference))
    flat = storages[reference.key]
    if len(leaf.shape) != len(leaf.stride) or min((*leaf.shape, *leaf.stride, leaf.offset, 0)) < 0:
        raise ValueError(f"a tensor of shape {leaf.shape} and strides {leaf.stride}")
    items = int(np.prod([int(size) for size in leaf.shape], dtype=object)) if leaf.shape else 1
    last = leaf.offset + sum((n - 1) * step for n, step in zip(leaf.shape, leaf.stride))
    if items and (last >= flat.size or items > flat.size):
        raise ValueError(f"a tensor {list(leaf.shape)} beyond its storage of {flat.size:,}")
    if not items:
        return np.zeros(leaf.shape, flat.dtype)
    steps = [step * flat.itemsize for step in leaf.stride]
    return np.lib.stride_tricks.as_strided(flat[leaf.offset :], leaf.shape, steps).copy()


def _storage(reference: Reference, raw: bytes) -> np.ndarray:
    if reference.dtype == "bfloat16":  # the upper half of a float32
        halves = np.frombuffer(raw, "<u2").astype(np.uint32)
        return (halves << 16).view(np.float32)
    return np.frombuffer(raw, reference.dtype)
