"""TensorFlow.js weights: model.json with its manifest, and the shards that it names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import BadInput

_TYPES = {
    "float32": "<f4",
    "float16": "<f2",
    "int32": "<i4",
    "int8": "|i1",
    "uint8": "|u1",
    "uint16": "<u2",
    "bool": "|b1",
}


def read_tfjs(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """All arrays of a model, by name. paths: one .json, and the shards, found by name alone."""
    models = [path for path in paths if path.suffix == ".json"]
    if len(models) != 1:
        raise BadInput("a TensorFlow.js model is one .json file and its shards")
    shards = [path for path in paths if path not in models]
    try:
        manifest = json.loads(models[0].read_bytes())["weightsManifest"]
        result: dict[str, np.ndarray] = {}
        for group in manifest:
            raw = b"".join(_shard(name, shards).read_bytes() for name in group["paths"])
            result |= _arrays(group["weights"], raw)
        return result
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{models[0]} is no sound TensorFlow.js model ({error})") from error


def _shard(name: str, shards: list[Path]) -> Path:
    """One of the files given; a name that leads elsewhere finds none."""
    if "/" in name or "\\" in name or name in ("", ".", ".."):
        raise ValueError(f"a shard called '{name}'")
    found = [path for path in shards if path.name == name or path.name.endswith(f"-{name}")]
    if len(found) != 1:
        raise ValueError(f"no shard '{name}' beside it")
    return found[0]


def _arrays(weights: list[dict[str, Any]], raw: bytes) -> dict[str, np.ndarray]:
    result, start = {}, 0
    for entry in weights:
        quantized = entry.get("quantization") or {}
        stored = np.dtype(_TYPES[quantized.get("dtype", entry["dtype"])])
        items = 1
        for length in entry["shape"]:
            if not isinstance(length, int) or length < 0:
                raise ValueError(f"shape {entry['shape']} of {entry['name']}")
            items *= length
        if start + items * stored.itemsize > len(raw):
            raise ValueError(f"{entry['name']} lies beyond the end of the shards")
        array = np.frombuffer(raw, stored, items, start).reshape(entry["shape"])
        start += items * stored.itemsize
        if "scale" in quantized:
            scaled = array.astype(np.float64) * quantized["scale"] + quantized.get("min", 0.0)
            array = scaled.astype(np.float32)
        elif quantized:
            array = array.astype(_TYPES[entry["dtype"]])  # float16 for float32
        result[str(entry["name"])] = array.astype(array.dtype.newbyteorder("="))
    if start != len(raw):
        raise ValueError(f"the shards hold {len(raw):,} bytes, the manifest {start:,}")
    return result
