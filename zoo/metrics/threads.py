"""One thread for the linear algebra of a metric: on a busy machine more of them lose time.

OpenBLAS starts a thread for each core of the machine, which spin for one another: BSSEval of four
stems of 8 s took 25 to 42 s with two threads and 6 s with one on two cores that others used too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """The function with BLAS and OpenMP held to one thread while it runs."""

    @wraps(function)
    def limited(*args: P.args, **given: P.kwargs) -> R:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            return function(*args, **given)

    return limited
