"""Weight files of Keras 1 (HDF5), read by h5py without Keras: pip install h5py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.errors import BadInput

_LIMIT = 1 << 30  # bytes of all arrays together


def read_keras_h5(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """All arrays of the files by 'layer/name', without the backend's ':0'.

    raises BadInput where a file is damaged, promises too much, or h5py is missing.
    """
    try:
        import h5py
    except ImportError:
        raise BadInput("weight files of Keras need h5py: pip install h5py") from None
    result: dict[str, np.ndarray] = {}
    for path in paths:
        try:
            with h5py.File(path, "r") as file:
                result |= {name: array for name, array in _arrays(h5py, file)}
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise BadInput(f"{path} is no sound HDF5 file ({error}): obtain it anew") from error
    return result


def _arrays(h5py, file):
    """(name, array) of every dataset in the file itself; links elsewhere are not followed."""
    total, found = 0, []

    def visit(name, thing) -> None:
        nonlocal total
        if not isinstance(thing, h5py.Dataset):
            return
        if thing.dtype.kind not in "fiub" or thing.external or thing.is_virtual:
            raise BadInput(f"{name} holds {thing.dtype}, not numbers of its own")
        total += thing.size * thing.dtype.itemsize
        if total > _LIMIT:
            raise BadInput(f"more than {_LIMIT >> 20} MB of arrays")
        found.append((name.removesuffix(":0"), thing))

    file.visititems(visit)
    return [(name, np.asarray(thing[()])) for name, thing in found]
