"""State in single files: what was there stays until what replaces it is whole and on the disk.

A sealed file ends with a line of its own SHA-256, so that damage is seen when it is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

_MARK = b"\nsha256 "
_TAIL = len(_MARK) + 64


class Damaged(ValueError):
    """A file that is not what was written."""


@contextlib.contextmanager
def name_path_in_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Names the file in an OSError that does not: a full disk never says where it is."""
    try:
        yield
    except OSError as error:
        if error.errno and not error.filename:
            error.filename = str(path)
        raise


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Puts a file in place of what was there, at once. raises OSError, and leaves the old one."""
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    write_with(path, lambda file: file.write(data))


def write_json(path: str | os.PathLike[str], record: Any, indent: int | None = 1) -> None:
    """A record of facts as JSON, NaN refused."""
    write_atomically(path, json.dumps(record, indent=indent, allow_nan=False) + "\n")


def save_arrays(file: IO[bytes], arrays: Mapping[str, Any]) -> None:
    """Arrays by name as np.savez_compressed has them, without the time: equal ones, equal bytes."""
    import numpy as np  # which listing commands go without

    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # of 1980
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as part:
                np.lib.format.write_array(part, np.asanyarray(array), allow_pickle=False)


def write_with(
    path: str | os.PathLike[str],
    fill: Callable[[IO[bytes]], Any],
    before: str | os.PathLike[str] | None = None,
) -> None:
    """As `write_atomically`, of what `fill` puts into an open file.

    before: where the old one goes, if any.
    """
    path = Path(path)
    # Of this process: two that write one file do not write into one another's.
    new = path.with_name(f".{path.name[-80:]}.{os.getpid()}.new")
    with name_path_in_errors(path):
        try:
            with new.open("wb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            if before is not None and path.is_file():
                os.replace(path, before)
            os.replace(new, path)
            sync(path.parent)
        except BaseException as error:
            with contextlib.suppress(OSError):
                new.unlink()
            if isinstance(error, OSError) and error.filename == str(new):
                raise OSError(error.errno, error.strerror, str(path)) from error
            raise


def write_sealed(
    path: str | os.PathLike[str],
    fill: Callable[[IO[bytes]], Any],
    before: str | os.PathLike[str] | None = None,
) -> None:
    """As `write_with`, with the SHA-256 of the content behind it; `unsealed` reads it."""

    def sealed(file: IO[bytes]) -> None:
        fill(file)
        file.flush()
        with open(file.name, "rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        file.write(_MARK + digest.encode())

    write_with(path, sealed, before)


def unsealed(path: str | os.PathLike[str]) -> bytes:
    """The content of a sealed file. raises Damaged unless it is as it was written."""
    verify_sealed(path)
    return Path(path).read_bytes()[:-_TAIL]


def verify_sealed(path: str | os.PathLike[str]) -> None:
    """raises Damaged unless a sealed file is as it was written."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest, left = hashlib.sha256(), size - _TAIL
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
        if size < _TAIL or left or file.read() != _MARK + digest.hexdigest().encode():
            raise Damaged(f"{path} is damaged: its contents do not match its SHA-256")


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_sound(path: str | os.PathLike[str]) -> bool:
    """Whether a sealed file is there, as it was written."""
    try:
        verify_sealed(path)
    except (OSError, Damaged):
        return False
    return True


def sync(path: Path) -> None:
    """A file's content, or a folder's names, are on the disk; or as near as a file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
