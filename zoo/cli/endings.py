"""How a process ends: by SIGTERM in order, with its parent, in one line where it asked too much."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

PARENT = "ZOO_PARENT"  # the process without which this one is to stop
GLANCE = 0.5  # seconds between two looks at whether it lives


class Terminated(BaseException):
    """SIGTERM: what is half done is undone on the way out."""


@contextlib.contextmanager
def handle_sigterm() -> Iterator[None]:
    """Inside the block SIGTERM raises `Terminated`; a dead parent is a SIGTERM."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield  # somebody else's to handle
        return
    signal.signal(signal.SIGTERM, _terminate)
    if parent := os.environ.pop(PARENT, None):
        threading.Thread(target=_outlive, args=(int(parent),), daemon=True).start()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def for_a_child() -> dict[str, str]:
    """The environment of a script that is to stop when this process is gone, however it went."""
    return {**os.environ, PARENT: str(os.getpid())}


def _terminate(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends at once
    raise Terminated


def _outlive(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(GLANCE)
    os.kill(os.getpid(), signal.SIGTERM)


def too_much(error: Exception) -> str | None:
    """One line about what the machine could not do, None of any other error."""
    lines = str(error).strip().splitlines() or [""]
    if isinstance(error, RecursionError):
        return "nested too deep to be built: ask for fewer layers"
    if isinstance(error, MemoryError):
        return f"out of memory: {lines[0] or 'no more to be had'}; ask for less at a time"
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(error, jax.errors.JaxRuntimeError):
        full = "RESOURCE_EXHAUSTED" in lines[0] or "out of memory" in lines[0].lower()
        return lines[0] + ("; ask for less at a time: a smaller batch, for instance" * full)
    return None
