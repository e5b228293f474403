"""Embeddings of a user's files as arrays, for `evaluate.py --embeddings`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import writing
from zoo.audio import audio_files
from zoo.errors import BadInput
from zoo.songs.own_files import for_each, named


def write(model: Any, inputs: Sequence[str] | None, file: Path, *, force: bool) -> int:
    """An npz of `files` [N], `embeddings` [N D]; 2 where a file had to be rejected, else 0.

    model: a `zoo.front.system.System` with `embed`. Raises BadInput where it has none, where no
    file can be used, or `file` exists, unless `force`.
    """
    if not inputs:
        raise BadInput("--embeddings needs audio: give --input FILE, a folder or a glob")
    if file.suffix != ".npz":
        raise BadInput(f"{file}: embeddings are written as .npz")
    if file.exists() and not force:
        raise BadInput(f"{file} exists: choose another name, or --force to overwrite")
    found: dict[str, np.ndarray] = {}

    def one(path: Path, name: str) -> str:
        found[str(path)] = model.embed(path)
        return f"{path.name}: {len(found[str(path)])} numbers"

    model.require("embed")
    code = for_each(inputs, file.parent, one)
    if not found:
        raise BadInput(f"none of {len(named(audio_files.find(inputs)))} files could be embedded")
    with writing.held(file), writing.replacing(file) as (part,), part.open("wb") as new:
        np.savez(new, files=np.array(list(found)), embeddings=np.stack(list(found.values())))
    return code
