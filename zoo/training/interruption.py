"""Signals that ask a run to stop: the first saves and stops, the second ends the process at once.

One process: SIGTERM, SIGINT (ctrl-C) and SIGUSR1 (Slurm's early warning) set a flag that the loop
reads. Several processes (jax.distributed): a signal to any one makes all stop at the *same* step,
by JAX's preemption service, which owns SIGTERM; the other two signals are passed on to it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import jax
from jax.experimental import multihost_utils

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


@dataclass
class Interruption:
    """Whether a signal asks to stop; called at each step. signal: the number received, or None."""

    signal: int | None = None
    agrees: bool = False  # several processes stop together, when the preemption service says so

    def __call__(self, step: int | None = None) -> bool:
        """Whether to save and stop after this step. All processes ask at every step.

        One process alone may leave out the step; several agree on it, so they must say it.
        """
        if not self.agrees:
            return self.signal is not None
        if step is None:
            raise TypeError("several processes stop together: ask with the step just finished")
        if not multihost_utils.reached_preemption_sync_point(step):
            return False
        self.signal = self.signal or signal.SIGTERM
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _ignore)  # from here a second one must end us
        return True


@contextlib.contextmanager
def handle_signals() -> Iterator[Interruption]:
    """Handles the three signals inside the block; a second one exits with 128 + its number."""
    interruption = Interruption(agrees=_service_runs())
    if threading.current_thread() is not threading.main_thread():
        yield interruption  # only the main thread may set handlers
        return
    ours = [number for number in SIGNALS if not (interruption.agrees and number == signal.SIGTERM)]
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    # A Python handler waits for the running C call, and a compilation can take minutes; the
    # wakeup socket is written by the C handler itself, so that a second ctrl-C ends even that.
    former_wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    former = {number: signal.signal(number, _ignore) for number in ours}
    threading.Thread(target=_watch, args=(reader, interruption), daemon=True).start()
    try:
        yield interruption
    finally:
        signal.set_wakeup_fd(former_wakeup)
        for number, handler in former.items():
            signal.signal(number, handler)
        writer.close()


def _watch(reader: socket.socket, interruption: Interruption) -> None:
    """Reads the numbers of arriving signals until the block is left."""
    with reader:
        while received := reader.recv(1):
            number = received[0]
            if number not in SIGNALS:
                continue
            if interruption.signal is not None:
                os._exit(128 + number)
            interruption.signal = number
            name = signal.Signals(number).name
            print(f"{name}: saving, then stopping; once more ends at once", file=sys.stderr)
            if interruption.agrees:
                os.kill(os.getpid(), signal.SIGTERM)


def _service_runs() -> bool:
    """Whether jax.distributed is up with its preemption service; asking without it raises."""
    if not jax.distributed.is_initialized():
        return False
    try:
        multihost_utils.reached_preemption_sync_point(0)
    except RuntimeError:
        return False
    return True


def _ignore(number: int, frame: object) -> None:
    """A Python handler must stand for the wakeup socket to be written; it has nothing to do."""
