"""Weights of others in a file of the user's own: which reader knows it, by its name."""

from __future__ import annotations

import importlib
from pathlib import Path

from zoo.errors import BadInput
from zoo.pretrained.index import Arrays, Published

READERS = {  # by the end of the name: a module with `record(path)`
    ".nam": "nam_file",
    ".pt": "torch_weights",
    ".pth": "torch_weights",
}


def own_file_path(name: str) -> Path | None:
    """The file, if its name ends as one that is read. Raises BadInput where there is none."""
    path = Path(name).expanduser()
    if path.suffix.lower() not in READERS or path.is_dir():
        return None
    if not path.is_file():
        raise BadInput(f"no file {name}: give the path of a {path.suffix} file")
    return path


def read_own_file(path: Path) -> tuple[Published, Arrays]:
    """The file as a publication, and its arrays. Raises BadInput where it cannot be read."""
    reader = importlib.import_module(f"zoo.pretrained.{READERS[path.suffix.lower()]}")
    return reader.record(path)
