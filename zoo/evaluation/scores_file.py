"""Scores per clip or track as an .npz file: whole in a run, small beside a row of results.

Keys: names [N], weights [N], mean/METRIC, median/METRIC, ranking/{truth, score, known}.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo import durable
from zoo.errors import BadInput
from zoo.metrics.resampling import Scores

_SMALL = 1_000_000  # bytes of a file beside a row
_KINDS = {"mean": "means", "median": "medians", "ranking": "ranking"}


def write_scores(path: Path, scores: Scores) -> None:
    """All digits, in a run."""
    durable.write_atomically(path, _packed(_arrays(scores)))


def write_small(path: Path, scores: Scores) -> bool:
    """Half precision, where that is at most `_SMALL` bytes; else no file, nor an old one's rest."""
    content = _packed({name: _halved(value) for name, value in _arrays(scores).items()})
    if len(content) > _SMALL:
        path.unlink(missing_ok=True)
        return False
    durable.write_atomically(path, content)
    return True


def read_scores(path: Path) -> Scores:
    """raises BadInput where there is no such file, or another."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        parts: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in _KINDS.values()}
        for name in found.keys() - {"names", "weights"}:
            kind, _, metric = name.partition("/")
            value = found[name]
            parts[_KINDS[kind]][metric] = value.astype(float) if value.dtype.kind == "f" else value
        return Scores(found["names"], weights=found.get("weights"), **parts)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path} holds no scores per clip or track: evaluate again") from error


def _arrays(scores: Scores) -> dict[str, np.ndarray]:
    """Flat, under the names that the file has."""
    found = {"names": np.asarray(scores.names, str)}
    if scores.weights is not None:
        found["weights"] = np.asarray(scores.weights)
    for kind, field in _KINDS.items():
        for name, value in getattr(scores, field).items():
            found[f"{kind}/{name}"] = np.asarray(value)
    return found


def _halved(value: np.ndarray) -> np.ndarray:
    """Floats as float16, as float32 where they are too large for that."""
    if value.dtype.kind != "f":
        return value
    with np.errstate(over="ignore"):
        half = value.astype(np.float16)
    return half if (np.isfinite(half) == np.isfinite(value)).all() else value.astype(np.float32)


def _packed(content: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    durable.save_arrays(file, content)
    return file.getvalue()
