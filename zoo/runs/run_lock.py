"""One run, one directory: a lock that names the process holding it and dies with that process."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from zoo.errors import BadInput

log = logging.getLogger(__name__)
NAME = "run.lock"


@contextlib.contextmanager
def held(directory: str | Path) -> Iterator[None]:
    """Holds `directory`/run.lock; one process of a run takes it (the first, where there are many).

    The kernel frees the lock when its holder dies, however it dies, so a stale file locks nobody
    out; the text in the file (pid and host) only serves the message. The file stays behind: to
    unlink it would let two processes hold two locks of one name. Buckets (gs://) cannot be locked.
    raises BadInput while another living process holds it.
    """
    if "://" in str(directory):
        yield
        return
    path = Path(directory) / NAME
    with _open(path) as file:
        _acquire(file.fileno(), path)
        file.truncate(0)
        json.dump({"pid": os.getpid(), "host": socket.gethostname()}, file)
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _open(path: Path):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "a")
    except OSError as error:
        raise BadInput(
            f"cannot write {path} ({error.strerror}); choose a directory that you may write to"
        ) from error


def _acquire(descriptor: int, path: Path) -> None:
    import fcntl  # here, for Windows has none and may still import this file

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BadInput(
            f"{path.parent} is in use by {_holder(path)}; stop that run or choose another directory"
        ) from None
    except OSError as error:
        log.warning("%s: this file system has no locks (%s); run one process only", path, error)


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        return f"process {holder['pid']} on {holder['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
