"""What this process may use of its machine."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import platform
import re
import threading
from collections.abc import Callable
from pathlib import Path

# glibc's malloc.h: one heap for all threads, no mapping of its own for a large block, no shrinking
_KEPT = {"M_ARENA_MAX": (-8, 1), "M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, 2**31 - 1)}


def cores() -> int:
    """Cores it may run on: fewer than there are under Slurm, taskset or in a container's set."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """The CPU and its vector instructions, on which the last bits of its sums depend."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    lines = dict(re.findall(r"^(model name|flags)\s*: (.*)$", text, re.M))
    wide = sorted(set(re.findall(r"\b(?:avx|fma|amx)\w*", lines.get("flags", ""))))
    return " ".join([lines.get("model name", platform.machine()), *wide])


def keep_freed_memory() -> None:
    """Lets this process keep what it frees for what it allocates next, where malloc is glibc's.

    XLA allocates the temporaries of a program anew at every call; from a malloc that maps large
    blocks and unmaps them at once, a fifth of a training step on CPUs is page faults. A process
    does not shrink after its peak, which rises by what lies between the blocks (by a tenth where
    Spleeter separates). Whoever tunes malloc by environment variables is left alone.
    """
    if is_malloc_tuned():
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # macOS, musl, Windows
        return
    for parameter, value in _KEPT.values():
        mallopt(parameter, value)


def is_malloc_tuned() -> bool:
    """Whether environment variables say how glibc's malloc is to work."""
    return any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)


def allocator() -> str:
    """Whose malloc this process calls: glibc's, or that of a library that was preloaded."""
    try:
        loaded = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "the system's"
    found = re.search(r"/lib(tcmalloc|jemalloc|mimalloc)[^/\n]*$", loaded, re.M)
    return found[1] if found else platform.libc_ver()[0] or "the system's"


def end_with_parent(*_: int) -> None:
    """Lets this process, which `multiprocessing` started, end when its parent is gone.

    Grain's workers, whom only their parent tells to stop, would wait for a killed one for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlive, args=(parent.join,), daemon=True).start()


def _outlive(join: Callable[[], None]) -> None:
    join()
    os._exit(1)
