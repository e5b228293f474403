"""What the outputs of several files are called: no two alike, each a name on any system."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from zoo import escapes


def name_outputs(paths: Sequence[Path]) -> dict[Path, str]:
    """What the output of each file is called: its stem, or more of its path where two share it."""
    root = Path(os.path.commonpath([path.absolute().parent for path in paths]))
    below = {path: path.absolute().relative_to(root) for path in paths}
    stems = {path: path.name if path.stem in (".", "..") else path.stem for path in paths}
    names = {path: escapes.file_name(stem) for path, stem in stems.items()}
    for longer in (
        lambda path: str(_safe(below[path].with_suffix(""))),
        lambda path: str(_safe(below[path])),
        lambda path: f"{_safe(below[path])}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}",
    ):
        often = Counter(names.values())
        names = {path: longer(path) if often[name] > 1 else name for path, name in names.items()}
    return names


def _safe(path: Path) -> Path:
    """A relative path of which every part is a name on any system, with room for endings."""
    return Path(*map(escapes.file_name, path.parts))
