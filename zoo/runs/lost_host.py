"""A run of several hosts of which one is lost ends on the others with one line and exit code 2.

JAX's own client ends such a process from C++: pages of its log, a stack, and abort (code 134).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CODE = 2
_SIGNS = ("Gloo", "NCCL", "UNAVAILABLE", "oordination", "heartbeat", "Connection ", "Socket closed")
# Passes on what libraries write to descriptor 2, but for what JAX says of its own end.
FILTER = """
import sys
ending, own = False, (b"coordination_service", b"preemption_sync_manager")
for line in sys.stdin.buffer:
    ending = ending or b"JAX distributed service" in line
    if not ending and not any(name in line for name in own):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""
_kept: list[Any] = []  # what C calls must not be collected


def set_lost_host_flags() -> None:
    """To be called once, before `jax.distributed.initialize`."""
    ours = os.dup(2)
    sys.stderr = os.fdopen(ours, "w", buffering=1, errors="backslashreplace")
    command = [sys.executable, "-c", FILTER]
    sieve = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    assert sieve.stdin is not None  # of PIPE
    os.dup2(sieve.stdin.fileno(), 2)

    @ctypes.CFUNCTYPE(None, ctypes.c_int)
    def aborted(_: int) -> None:
        _end()

    _kept.extend((sieve, aborted))
    ctypes.CDLL(None).signal(signal.SIGABRT, aborted)


@contextlib.contextmanager
def exit_on_lost_host() -> Iterator[None]:
    """Ends the process where an operation over all hosts fails because one of them is gone."""
    import jax

    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1 or not any(sign in str(error) for sign in _SIGNS):
            raise
        _end()


def _end() -> None:
    """At once: to take leave of the others in order would wait for them, then abort."""
    name = Path(sys.argv[0]).stem
    line = f"{name}: another host of this run ended or was lost; start all of them again: the same "
    os.write(sys.stderr.fileno(), f"\n{line}command goes on from the last checkpoint\n".encode())
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(CODE)
