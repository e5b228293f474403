"""Pickles as data: an unpickler that calls nothing but the dozen harmless things listed here.

Classes that it does not know become records without behaviour, so that a whole pickled module can
be looked into; a pickle that asks to *call* anything unknown is refused, with that thing's name.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo import numerals
from zoo.errors import BadInput

STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
    "BFloat16Storage": "bfloat16",
}
ARRAYS = "fiub"  # kinds of NumPy arrays that a pickle may hold: numbers, never objects


def itemsize(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


@dataclass(frozen=True)
class Reference:
    """A storage that lies outside the pickle."""

    key: str
    dtype: str


@dataclass(frozen=True)
class Tensor:
    """A view of a storage, in items."""

    storage: Reference
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _Uncallable(type):
    """Of classes that a pickle may name and make empty instances of, but not call."""

    def __call__(cls, *args: Any, **named: Any) -> Any:
        raise BadInput(f"the file asks to call {cls.__name__}: refused, nothing of it was executed")

    def __setattr__(cls, name: str, value: Any) -> None:
        raise BadInput(f"the file asks to change {cls.__name__}: refused")


class Record(metaclass=_Uncallable):
    """What is left of an object of an unknown class: its state, if it has any."""

    __slots__ = ("state",)
    state: Any

    def __new__(cls, *_: Any, **__: Any) -> Record:
        record = object.__new__(cls)
        object.__setattr__(record, "state", None)
        return record

    def __setstate__(self, state: Any) -> None:
        object.__setattr__(self, "state", state)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Items of an unknown mapping are dropped."""

    def append(self, value: Any) -> None:
        """Items of an unknown list are dropped."""


class _Harmless:
    """A function that a pickle may call; not a function itself, whose attributes it could set."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> None:
        raise BadInput("the file asks to change a function: refused")


class _Array:
    """A NumPy array between `_reconstruct` and its state; `Restricted.load` puts it right."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        if not isinstance(dtype, _Dtype) or not isinstance(raw, bytes):
            raise BadInput("the file holds arrays of objects: refused")
        array = np.frombuffer(raw, dtype.value)
        self.value = array.reshape(shape, order="F" if fortran else "C")


class _Dtype:
    """A NumPy type of numbers, by its code ('f4') and the byte order of its state."""

    __slots__ = ("value",)

    def __init__(self, code: Any, *_: Any) -> None:
        name = str(code).lstrip("<>=|")
        if name[:1] not in ARRAYS or not numerals.is_count(name[1:]):
            raise BadInput(f"the file holds arrays of type {code}: refused, only numbers are read")
        self.value = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        if state[1] in ("<", ">"):
            self.value = self.value.newbyteorder(state[1])


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Reference) or not all(
        isinstance(number, int) for number in (offset, *shape, *stride)
    ):
        raise BadInput("the file holds a tensor without a storage: damaged")
    return Tensor(storage, offset, tuple(shape), tuple(stride))


def _scalar(dtype: _Dtype, raw: bytes) -> Any:
    return np.frombuffer(raw, dtype.value)[0]


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise BadInput(f"the file asks for the encoding {encoding}: refused")
    return text.encode("latin1")


def _empty(kind: Any, *_: Any) -> Any:
    """copyreg's way to make an object of the oldest pickles."""
    if isinstance(kind, type) and issubclass(kind, Record):
        return kind.__new__(kind)
    raise BadInput("the file asks to make an object of a class that is not inert: refused")


def _allowed() -> dict[tuple[str, str], Any]:
    """Made anew for every file, so that none can leave anything behind for the next."""
    tensor, arrays = _Harmless(_tensor), _Harmless(lambda *_: _Array())
    table = {
        ("collections", "OrderedDict"): OrderedDict,
        ("collections", "defaultdict"): _Harmless(lambda *_: {}),
        ("torch._utils", "_rebuild_tensor_v2"): tensor,
        ("torch._utils", "_rebuild_tensor"): tensor,
        ("torch._utils", "_rebuild_parameter"): _Harmless(lambda data, *_: data),
        ("torch._utils", "_rebuild_parameter_with_state"): _Harmless(lambda data, *_: data),
        ("torch", "Size"): _Harmless(tuple),
        ("torch", "device"): _Harmless(lambda *parts: ":".join(map(str, parts))),
        ("numpy", "dtype"): _Harmless(_Dtype),
        ("_codecs", "encode"): _Harmless(_encode),
        ("copyreg", "_reconstructor"): _Harmless(_empty),
        ("copy_reg", "_reconstructor"): _Harmless(_empty),
    }
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        table[module, "_reconstruct"] = arrays
        table[module, "scalar"] = _Harmless(_scalar)
    for module in ("builtins", "__builtin__"):
        table |= {(module, kind.__name__): _Harmless(kind) for kind in (set, frozenset)}
    return table


class Restricted(pickle._Unpickler):
    """An unpickler of inert data. `references` holds the storages met, by key.

    Python's own form of it: its memo is a dict, where the one in C takes gigabytes for a memo
    number that a hostile file makes up.
    """

    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding="latin1")
        self.references: dict[str, Reference] = {}
        self._known = _allowed()

    def load(self) -> Any:
        return _settled(super().load(), {})

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._known:
            if module == "torch" and name in STORAGES:
                return STORAGES[name]
            full = f"{module}.{name}"
            self._known[module, name] = _Uncallable(full, (Record,), {"__slots__": ()})
        return self._known[module, name]

    def persistent_load(self, identity: Any) -> Reference:
        """('storage', type, key, device, count[, view]) -> where to find it."""
        kind, dtype, key = identity[:3]
        view = identity[5] if len(identity) > 5 else None
        if kind != "storage" or dtype not in STORAGES.values() or view is not None:
            raise BadInput(f"the file holds storages of another kind ({kind}, {dtype}): not read")
        return self.references.setdefault(str(key), Reference(str(key), dtype))


def _settled(node: Any, done: dict[int, Any]) -> Any:
    """The same containers with finished arrays in place of `_Array`; shared ones once."""
    if isinstance(node, _Array):
        return node.value
    if id(node) in done or not isinstance(node, dict | list | tuple | Record):
        return done.get(id(node), node)
    if isinstance(node, tuple):
        settled = tuple(_settled(value, done) for value in node)
        done[id(node)] = settled
        return settled
    done[id(node)] = node
    if isinstance(node, Record):
        object.__setattr__(node, "state", _settled(node.state, done))
    else:
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in list(items):
            node[key] = _settled(value, done)
    return node
