"""The schema of a checkpoint's meta.json: read from the file field by field, refused where wrong.

Its seal tells damage, not malice: it is a hash that anyone can renew. So nothing in it is believed:
what does not fit is refused in one line, and no name in it leads out of the zoo, least of all to
code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Document = Mapping[str, Any]
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,120}", re.ASCII)
_PIECE = re.compile(r"([0-9]{1,15}:[0-9]{1,15}(,[0-9]{1,15}:[0-9]{1,15})*)?", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LARGEST = 1 << 48  # of a length, a step
DIMENSIONS = 32
DEPTH = 4  # of tuples inside arguments
COUNTERS = {"key<fry>": [2], "key<rbg>": [4], "key<urbg>": [4]}  # what a typed random key is of
STAGE = ("stage", "begun", "since", "waited", "without")
MISSING = object()


class Unfit(ValueError):
    """A field that is not as the zoo writes it; the text names it."""


@dataclass(frozen=True)
class Seal:
    """What the store adds under 'checkpoint': arrays is path -> {shape, dtype, pieces}."""

    format: int
    step: int
    versions: dict[str, str]
    metrics: dict[str, float]
    monitor: tuple[str, str] | None
    arrays: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, document: Document) -> Seal:
        """raises Unfit."""
        ours = read_field(document, "checkpoint", mapping)
        return cls(
            format=read_field(ours, "format", as_integer),
            step=read_field(ours, "step", as_integer),
            versions=read_field(ours, "versions", as_texts),
            metrics=read_field(ours, "metrics", as_numbers),
            monitor=read_field(ours, "monitor", _direction),
            arrays=read_field(ours, "arrays", read_array_records),
        )


@dataclass(frozen=True)
class Origin:
    """What the run says of itself: whose config with which arguments, and the state of its stages.

    config: a name of the zoo's own, or of `config_file`, which is only ever shown. records: a mark
    of the records of each split.
    """

    config: str
    config_file: str | None
    arguments: dict[str, Any]
    stage: dict[str, Any]
    records: dict[str, str]

    @classmethod
    def of(cls, document: Document) -> Origin:
        """raises Unfit."""
        return cls(
            config=read_field(document, "config", name),
            config_file=read_field(document, "config_file", text_or_none, None),
            arguments=read_field(document, "arguments", arguments),
            stage=read_field(document, "stage", stage, {}),
            records=read_field(document, "records", as_texts, {}),
        )


def read_field(
    document: Document, key: str, reading: Callable[[Any], Any], default: Any = MISSING
) -> Any:
    """What `reading` makes of a document's entry; Unfit, which names it, where it can make none."""
    if not isinstance(document, dict) or (key not in document and default is MISSING):
        raise Unfit(f"'{key}' is missing")
    if key not in document:
        return default
    try:
        return reading(document[key])
    except Unfit as error:
        raise Unfit(f"'{key}' {error}") from None


def mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit("is no object")
    return value


def as_integer(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise Unfit("is no whole number, 0 or above")
    return value


def as_text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 4096:
        raise Unfit("is no text of bearable length")
    return value


def text_or_none(value: Any) -> str | None:
    return value if value is None else as_text(value)


def name(value: Any) -> str:
    if not _NAME.fullmatch(as_text(value)):
        raise Unfit("is no name of letters, digits, '_', '-' and '.'")
    return value


def as_texts(value: Any) -> dict[str, str]:
    return {key: as_text(item) for key, item in mapping(value).items()}


def as_numbers(value: Any) -> dict[str, float]:
    for key, number in mapping(value).items():
        if type(number) not in (int, float) or not abs(number) < 1e300:
            raise Unfit(f"holds '{key[:60]}', which is no finite number")
    return {key: float(number) for key, number in value.items()}


def _direction(value: Any) -> tuple[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or value[1] not in ("max", "min"):
        raise Unfit("is not [metric, 'max' or 'min']")
    return as_text(value[0]), value[1]


def arguments(value: Any) -> dict[str, Any]:
    """Of a config: numbers, texts, truth values, null and lists of those."""
    for key, item in mapping(value).items():
        _plain(key, item, DEPTH)
    return value


def _plain(key: str, item: Any, depth: int) -> None:
    if isinstance(item, list) and depth and len(item) <= 10_000:
        for inner in item:
            _plain(key, inner, depth - 1)
    elif isinstance(item, str):
        as_text(item)
    elif isinstance(item, bool) or item is None:
        return
    elif not isinstance(item, int | float) or not abs(item) < 1e300:
        raise Unfit(f"holds '{key[:60]}', which is no value of a config's argument")


def stage(value: Any) -> dict[str, Any]:
    """The fields of a StageState, as far as they are there."""
    if not mapping(value).keys() <= {"best", "recent", *STAGE}:
        raise Unfit(f"holds more than best, recent, {', '.join(STAGE)}")
    as_numbers({"best": value["best"]} if value.get("best") is not None else {})
    recent = value.get("recent", ())
    if not isinstance(recent, list | tuple) or len(recent) > DIMENSIONS:
        raise Unfit("holds no list of recent scores")
    as_numbers({str(place): score for place, score in enumerate(recent)})
    for key in value.keys() - {"best", "recent"}:
        as_integer(value[key])
    return value


def read_array_records(value: Any) -> dict[str, dict[str, Any]]:
    """Path -> shape, dtype and hashes of pieces, which together are the whole array."""
    for path, record in mapping(value).items():
        try:
            shape = read_field(record, "shape", _lengths)
            dtype = read_field(record, "dtype", _name_of_dtype)
            _tile([*shape, *COUNTERS.get(dtype, ())], read_field(record, "pieces", mapping))
        except Unfit as error:
            raise Unfit(f"of '{path[:120]}': {error}") from None
    return value


def _lengths(value: Any) -> list[int]:
    if not isinstance(value, list) or len(value) > DIMENSIONS:
        raise Unfit("is no list of lengths")
    shape = [as_integer(item) for item in value]
    if math.prod(shape) > _LARGEST:
        raise Unfit("is of more numbers than any memory holds")
    return shape


def _name_of_dtype(value: Any) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_<>\[\]]{1,40}", as_text(value), re.ASCII):
        raise Unfit("is no name of a dtype")
    return value


def _tile(shape: Sequence[int], pieces: dict[str, Any]) -> None:
    """The pieces cover all of an array, each part once: a hole would be taken without a look."""
    for piece, digest in pieces.items():
        hashed = isinstance(digest, str) and _SHA256.fullmatch(digest)
        if not _PIECE.fullmatch(piece) or not hashed:
            raise Unfit("'pieces' are not 'start:stop,...' with a SHA-256 each")
    bounds = [
        [tuple(map(int, part.split(":"))) for part in piece.split(",") if part] for piece in pieces
    ]
    if not bounds or any(len(piece) != len(shape) for piece in bounds):
        raise Unfit("'pieces' do not have the dimensions of 'shape'")
    cuts = [sorted({piece[axis] for piece in bounds}) for axis in range(len(shape))]
    for length, cut in zip(shape, cuts):
        edges = [0, *(stop for _, stop in cut)]
        joined = all(start == before for (start, _), before in zip(cut, edges))
        if not joined or edges[-1] != length or any(a > b for a, b in pairwise(edges)):
            raise Unfit("'pieces' do not cover all of 'shape'")
    if len(bounds) != math.prod(map(len, cuts)):
        raise Unfit("'pieces' do not cover all of 'shape'")
