"""What this process may use of its machine."""

from __future__ import annotations

import multiprocessing
import os
import platform
import re
import threading
from collections.abc import Callable
from pathlib import Path


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
