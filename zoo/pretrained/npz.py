"""NumPy's npz, read without pickles and without believing what its headers promise."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from zoo.errors import BadInput

# What zipfile, zlib and NumPy's parser of headers raise on damaged bytes, by what was hit.
_BROKEN = (
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    IndexError,
    SyntaxError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
_LIMIT = 4 << 30  # bytes of all arrays together


def read_npz(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """All arrays of the files, by name."""
    result: dict[str, np.ndarray] = {}
    for path in paths:
        try:
            result |= _read(path)
        except (OSError, *_BROKEN) as error:
            raise BadInput(f"{path} is no sound npz ({error}): obtain it anew") from error
    return result


def write_npz(path: Path | IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    """Such a file. np.savez would mistake an array called 'file' for its own argument."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)


def _read(path: Path) -> dict[str, np.ndarray]:
    result = {}
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > _LIMIT:
            raise ValueError(f"more than {_LIMIT >> 30} GB")
        for info in archive.infolist():
            with archive.open(info) as file:
                _check_header(file, info.file_size)
            with archive.open(info) as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
                file.read()  # to the end, where the archive's checksum is compared
            result[info.filename.removesuffix(".npy")] = array
    return result


def _check_header(file: IO[bytes], size: int) -> None:
    """The array that the header promises has to be there, before memory is taken for it."""
    major, _ = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if major == 1 else None
    shape, _, dtype = (read_header or np.lib.format.read_array_header_2_0)(file)
    items = 1
    for length in shape:
        items *= length
    if dtype.hasobject or items * dtype.itemsize > size:
        raise ValueError(f"a header that promises {dtype} {shape} in {size:,} bytes")
