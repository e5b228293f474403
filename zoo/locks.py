"""Locks that name the process holding them and die with it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from zoo import escapes
from zoo.errors import BadInput

_log = logging.getLogger(__name__)
_PATIENCE = 0.1  # seconds between two looks at a lock that is waited for


@contextlib.contextmanager
def lock_file(
    path: Path, thing: str, remedy: str, *, keep: bool = False, wait: bool = False
) -> Iterator[None]:
    """Holds a lock file, in which the holder's pid and host stand; they only serve the message.

    The kernel frees the lock when its holder dies, however it dies, so a stale file locks no one
    out. thing, remedy: what is locked, and what to do, for the message. keep: the file stays.
    raises BadInput while another living process holds it, unless `wait`.
    """
    with _acquired(path, thing, remedy, wait) as file:
        file.truncate(0)
        json.dump({"pid": os.getpid(), "host": socket.gethostname()}, file)
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
            if not keep:
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def _acquired(path: Path, thing: str, remedy: str, wait: bool) -> Iterator[TextIO]:
    """The open file of that name once its lock is ours."""
    announced = False
    while True:
        with _open(path) as file:
            if _lock(file.fileno(), path):
                if _same(file.fileno(), path):
                    yield file
                    return
                continue  # its last holder removed it: two files of one name would be two locks
        if not wait:
            raise BadInput(f"{thing} is in use by {_holder(path)}; {remedy}")
        if not announced:
            print(escapes.terminal_line(f"{thing}: waiting for {_holder(path)}"), file=sys.stderr)
        announced = True
        time.sleep(_PATIENCE)


def _open(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "a")
    except OSError as error:
        raise BadInput(
            f"cannot write {path} ({error.strerror}); choose a directory that you may write to"
        ) from error


def _lock(descriptor: int, path: Path) -> bool:
    """Whether no one else holds it."""
    import fcntl  # here, for Windows has none and may still import this file

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _log.warning("%s: this file system has no locks (%s); run one process only", path, error)
    return True


def _same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
