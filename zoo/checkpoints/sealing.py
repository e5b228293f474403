"""A checkpoint's meta, made and written by the thread that writes: hashing holds up no step."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import orbax.checkpoint as ocp
from etils import epath

from zoo.checkpoints.faults import fault_point

META = "meta.json"


class SealingHandler(ocp.AsyncCheckpointHandler):
    """Writes as JSON what a function gives, which it calls in the background."""

    async def async_save(self, directory: epath.Path, args: Sealed) -> list[ocp.future.Future]:
        work = self._write(directory, args.document)
        return [ocp.future.CommitFutureAwaitingContractedSignals(work, name="seal")]

    def save(self, directory: epath.Path, args: Sealed) -> None:
        raise NotImplementedError("the manager of checkpoints saves in the background")

    def restore(self, directory: epath.Path, args: Any = None) -> dict[str, Any]:
        return json.loads((directory / META).read_text())

    async def _write(self, directory: epath.Path, document: Callable[[], dict[str, Any]]) -> None:
        """All processes make the document, the first one writes it."""
        made = document()
        fault_point("seal")
        if jax.process_index() == 0:
            (directory / META).write_text(json.dumps(made))


@ocp.args.register_with_handler(SealingHandler, for_save=True)
@dataclass
class Sealed(ocp.args.CheckpointArgs):
    """What to save: a function without arguments that gives the document."""

    document: Callable[[], dict[str, Any]]


@ocp.args.register_with_handler(SealingHandler, for_restore=True)
@dataclass
class _Unsealed(ocp.args.CheckpointArgs):
    """What Orbax asks of a handler that reads; the zoo reads its meta without one."""
