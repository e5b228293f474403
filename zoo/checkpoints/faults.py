"""Named points at which a test can kill the process: ZOO_FAULT=point:n dies at the n-th passing."""

from __future__ import annotations

import os
from collections import Counter

_passed: Counter[str] = Counter()


def fault_point(name: str) -> None:
    """Ends the process as SIGKILL would, without cleaning up, if ZOO_FAULT names this passing."""
    wanted, _, count = os.environ.get("ZOO_FAULT", "").partition(":")
    _passed[name] += 1
    if wanted == name and _passed[name] == int(count or 1):
        os._exit(137)
