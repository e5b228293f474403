"""Calls of libsndfile without what its decoders write to standard error by themselves.

libmpg123 has its say on every odd byte of an mp3, many lines long; what is wrong is said by us.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
_lock = threading.Lock()
_inside, _ours = 0, -1  # calls at this moment; descriptor 2 as it was before the first of them


def silently(
    call: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """The call's result. Descriptor 2 is the whole process's: commands write to one of their own.

    See `prepare_output` in zoo/cli/command_line.py.
    """
    _enter()
    try:
        return call(*args, **kwargs)
    finally:
        _leave()


def _enter() -> None:
    global _inside, _ours
    with _lock:
        if not _inside:
            try:
                _ours = os.dup(2)
            except OSError:  # closed: nothing to silence
                _ours = -1
            else:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)
        _inside += 1


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if not _inside and _ours >= 0:
            os.dup2(_ours, 2)
            os.close(_ours)
