"""One run, one directory: a lock that names the process holding it and dies with that process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from zoo.locks import lock_file

NAME = "run.lock"


@contextlib.contextmanager
def hold_run(directory: str | Path) -> Iterator[None]:
    """Holds `directory`/run.lock; one process of a run takes it (the first, where there are many).

    The file stays behind. Buckets (gs://) cannot be locked.
    raises BadInput while another living process holds it.
    """
    if "://" in str(directory):
        yield
        return
    path = Path(directory) / NAME
    with lock_file(path, str(directory), "stop that run or choose another directory", keep=True):
        yield
