"""Exchange of small values among the processes of one run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from zoo.errors import BadInput


def gather_values(value: Any) -> list[Any]:
    """Every process's `value` (anything JSON holds), in process order; also a barrier.

    All processes must call it, from the main thread; with one process it is [value].
    """
    if jax.process_count() == 1:
        return [value]
    from jax.experimental.multihost_utils import process_allgather

    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    sizes = np.asarray(process_allgather(np.array([text.size], np.int32))).reshape(-1)
    padded = np.zeros([max(sizes)], np.uint8)
    padded[: text.size] = text
    gathered = np.asarray(process_allgather(padded)).reshape(len(sizes), -1)
    return [json.loads(row[:size].tobytes()) for row, size in zip(gathered, sizes)]


def in_turn(act: Callable[[], None]) -> None:
    """Acts on process 0, then on the others. raises BadInput on all where one does."""
    for first in (True, False):
        fault = None
        if (jax.process_index() == 0) == first:
            try:
                act()
            except BadInput as error:
                fault = str(error)
        faults = [one for one in gather_values(fault) if one]
        if faults:
            raise BadInput(faults[0])
