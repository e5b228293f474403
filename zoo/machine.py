"""What this process may use of its machine."""

from __future__ import annotations

import os


def cores() -> int:
    """Cores it may run on: fewer than there are under Slurm, taskset or in a container's set."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
