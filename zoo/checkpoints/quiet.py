"""Silences log lines of libraries about failed saves and reads, for which we print one line.

Orbax logs a failed save's traceback once per thread, and that a save waited for the one before;
the reads and writes it abandons when one fails report when they are collected: as a task's
exception with TensorStore's whole specification, as an event loop that is closed, or as a
coroutine that was never awaited.
"""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

ABANDONED = ("Event loop is closed", "was never awaited", "full TensorStore details")
_UNAWAITED = "coroutine '.*(serialize|fragment|Handler).*' was never awaited"  # not a user's own
_former = sys.unraisablehook


def quiet_orbax() -> None:
    """Once or often; what is not of these kinds is logged as before."""
    logging.getLogger("absl").addFilter(_not_of_orbax)
    logging.getLogger("asyncio").addFilter(_not_abandoned)
    sys.unraisablehook = _unraisable
    warnings.filterwarnings("ignore", _UNAWAITED, RuntimeWarning)


def _not_of_orbax(record: logging.LogRecord) -> bool:
    return "orbax" not in record.pathname


def _not_abandoned(record: logging.LogRecord) -> bool:
    return "exception was never retrieved" not in str(record.msg)


def _unraisable(unraisable: Any) -> None:
    if not any(text in str(unraisable.exc_value) for text in ABANDONED):
        _former(unraisable)
