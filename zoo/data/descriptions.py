"""What TFDS writes beside the records of a data set, with a hash, so that damage is seen.

Record files have checksums of their own; dataset_info.json, features.json and metadata.json have
none, and a flipped bit in them ends in a traceback, or reads records as of other shapes.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from zoo import durable

_FILES = ("dataset_info.json", "features.json", "metadata.json", "tracks.json")
HASHES = "sha256.json"


def seal_build(folder: Path) -> None:
    """Writes down the hashes of a finished build."""
    there = [folder / name for name in _FILES if (folder / name).is_file()]
    durable.write_json(folder / HASHES, {path.name: _sha256(path) for path in there})


def damage(folder: Path) -> str:
    """The name of a file that is not what was built, or ''.

    Without hashes (an earlier zoo built it, or was killed at the very end) it has to be JSON.
    """
    try:
        hashes = json.loads((folder / HASHES).read_bytes())
        named = {str(name): str(digest) for name, digest in hashes.items()}
    except FileNotFoundError:
        return next((name for name in _FILES if not _is_json(folder / name)), "")
    except (OSError, ValueError, AttributeError, RecursionError):
        return HASHES
    if not {"dataset_info.json", "features.json"} <= named.keys() <= set(_FILES):
        return HASHES
    return next((name for name in named if _sha256(folder / name) != named[name]), "")


def is_whole(folder: Path) -> bool:
    """Whether a data set stands there, and what describes it is as it was built."""
    return (folder / "dataset_info.json").is_file() and not damage(folder)


def remove_damaged(folder: Path) -> None:
    """Takes a damaged data set away: TFDS reads what it finds before it builds anew."""
    if (folder / "dataset_info.json").is_file() and damage(folder):
        shutil.rmtree(folder)


def _sha256(path: Path) -> str:
    """'' where there is none."""
    try:
        return durable.file_sha256(path)
    except OSError:
        return ""


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except FileNotFoundError:
        return path.name in ("metadata.json", "tracks.json")
    except (OSError, ValueError, RecursionError):
        return False
