"""Checkpoints of a run: saved asynchronously, verified when read, restored onto any mesh.

    DIR/40/state/      the arrays (Orbax)
    DIR/40/meta/meta.json   the caller's meta, and under 'checkpoint': format, step, package
                       versions, metrics and the SHA-256 of every array; sealed by a hash of its own
    DIR/40.damaged/    what failed verification, set aside, never deleted

A checkpoint counts only when its seal and every array's hash agree. Otherwise the newest older one
that does is taken, with a warning. The newest `keep` stay, and the best by a metric, whatever that
metric does later. A killed save leaves nothing that counts; a failed one (full disk) leaves the
earlier checkpoints as they were, and training goes on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import orbax.checkpoint as ocp
from etils import epath

from zoo.checkpoints import checksums, files, quiet
from zoo.checkpoints.faults import fault_point
from zoo.checkpoints.processes import gather_values
from zoo.checkpoints.retention import Retention, finite_only
from zoo.checkpoints.sealing import Sealed
from zoo.errors import BadInput

_log = logging.getLogger(__name__)
_Tree = Any
_Step = int | None | Literal["best"]


class SaveFailed(BadInput):
    """The newest checkpoint could not be written; earlier ones are intact."""


class Checkpoints:
    """The checkpoints of one directory. All processes of a run call the same methods together.

    every: steps between saves. keep: how many of the newest stay. monitor: the metric, and which
    way is better, whose best checkpoint stays too. read_only: never writes, renames or cleans up.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        every: int = 1,
        keep: int = 2,
        monitor: tuple[str, Literal["max", "min"]] | None = None,
        read_only: bool = False,
    ) -> None:
        quiet.quiet_orbax()
        if "://" not in str(directory):  # a path of this machine, which Orbax wants absolute
            directory = Path(directory).expanduser().absolute()
        self.directory = epath.Path(directory)
        self.every = every
        self._retention = Retention(keep, monitor)
        self._manager: ocp.CheckpointManager | None = None
        self._failure: str | None = None
        self._begun: int | None = None
        if not read_only:
            files.require_writable_directory(self.directory)
            strays = [
                step for step in files.numbered_steps(self.directory) if not self._holds(step)
            ]
            files.set_aside(self.directory, strays)
            self._manager = files.open_manager(self.directory, self._retention)
        for step in self.steps():
            self._remember_score(step)

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def steps(self) -> list[int]:
        """Steps whose checkpoints are finished, ascending; their contents are not yet verified."""
        return [step for step in files.numbered_steps(self.directory) if self._holds(step)]

    def best(self) -> int | None:
        """The step on disk with the best monitored metric; None without any."""
        return self._retention.best(self.steps())

    def due(self, step: int) -> bool:
        """Whether `save` would write now: at the interval, or as the machine is being taken away.

        All processes ask at every step, for that is how they agree about the latter.
        """
        if self._manager is None:
            return False
        return self._manager.reached_preemption(step) or step % self.every == 0

    def save(
        self,
        step: int,
        state: _Tree,
        meta: dict[str, Any],
        metrics: dict[str, Any] | None = None,
        force: bool = False,
    ) -> bool:
        """Call it at every step: True where a save was begun. Writing goes on in the background.

        A save that fails is a warning here and an error in `wait`. Checkpoints of later steps
        belong to a future that this run has left, and are set aside.
        """
        if not self.due(step) and not (force and self._manager):
            return False
        self._settle()
        if step in self.steps():
            return False
        self._set_aside([later for later in self.steps() if later > step], "abandoned")
        finite = finite_only(metrics or {})
        self._retention.add(step, finite)
        meta = json.loads(json.dumps(meta, default=str))  # the caller's may change meanwhile
        ours = {"metrics": finite, "monitor": self._retention.monitor}
        hashes = checksums.deferred_records(state)
        fault_point("save")
        self._write(step, state, lambda: files.seal_metadata(meta, step, **ours, arrays=hashes()))
        fault_point("writing")
        return True

    def restore(
        self,
        abstract: Callable[[dict[str, Any]], _Tree] | _Tree,
        step: _Step = None,
        verify: bool = True,
    ) -> tuple[int, _Tree, dict[str, Any]]:
        """-> (step, state, meta): the newest good checkpoint, the best, or the one of `step`.

        abstract: ShapeDtypeStructs with the shardings wanted, or a function from meta to them.
        raises BadInput if no checkpoint is good, or if it is one of another model.
        """
        self._settle()
        faults: dict[int, str] = {}
        for candidate in self._candidates(step):
            meta, fault = self._agreed(files.read_meta, self.directory, candidate)
            if not fault:
                target = abstract(meta) if callable(abstract) else abstract
                self._require_match(candidate, meta, target)
                state, fault = self._agreed(files.restore_arrays, self.directory, candidate, target)
            if not fault and verify:
                bad = checksums.damaged(meta["checkpoint"]["arrays"], state)
                fault = f"state: damaged array {', '.join(bad[:3])}" if bad else None
            if not fault:
                self._set_aside(list(faults))
                return candidate, state, meta
            faults[candidate] = fault
            _log.warning("checkpoint %s is not usable: %s", self.directory / str(candidate), fault)
        raise BadInput(self._nothing_good(faults))

    def read_meta(self, step: _Step = None) -> tuple[int, dict[str, Any]]:
        """-> (step, meta), without reading arrays; of the newest readable checkpoint, or `step`."""
        faults = {}
        for candidate in self._candidates(step):
            try:
                return candidate, files.read_meta(self.directory, candidate)
            except (OSError, ValueError) as error:
                faults[candidate] = files.one_line(error)
                _log.warning(
                    "checkpoint %s: %s", self.directory / str(candidate), faults[candidate]
                )
        raise BadInput(self._nothing_good(faults))

    def wait(self) -> None:
        """Until nothing is being written. raises SaveFailed if the latest save failed."""
        self._settle()
        if self._failure:
            raise SaveFailed(self._failure)

    def close(self) -> None:
        """Waits and frees threads. Raises nothing, for it also runs while errors pass by.

        For the same reason it is the one method that asks nothing of the other processes.
        """
        if self._manager is None:
            return
        try:
            self._manager.close()
        except Exception as error:
            _log.warning("the last checkpoint may be incomplete: %s", files.one_line(error))
        self._manager = None

    def _holds(self, step: int) -> bool:
        folder = self.directory / str(step)
        return (folder / "state").exists() or (folder / "meta").exists()

    def _remember_score(self, step: int) -> None:
        try:
            written = files.read_meta(self.directory, step)["checkpoint"]
            if self._manager is None:  # a reader compares as the run did
                self._retention.monitor = self._retention.monitor or written["monitor"]
            self._retention.add(step, written["metrics"])
        except (OSError, ValueError, BadInput):
            return  # `restore` will say what is wrong with it

    def _candidates(self, step: _Step) -> Sequence[int]:
        """Steps in the order of trying; the same on every process."""
        steps = gather_values(self.steps()[::-1])[0]
        if step == "best":
            return sorted(steps, key=self._retention.rank)
        if step is not None and step not in steps:
            known = ", ".join(map(str, steps[::-1])) or "none"
            raise BadInput(f"no checkpoint of step {step} in {self.directory}; there are: {known}")
        return steps if step is None else [step]

    def _agreed(self, read: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
        """-> (what was read, None), or (None, the fault), if reading failed in any process."""
        result, fault = None, None
        try:
            result = read(*arguments)
        except (BadInput, MemoryError):
            raise
        except Exception as error:
            fault = files.one_line(error)
            if "RESOURCE_EXHAUSTED" in fault:  # the device's memory, not the file
                raise
        faults = [one for one in gather_values(fault) if one]
        return (None, faults[0]) if faults else (result, None)

    def _require_match(self, step: int, meta: dict[str, Any], target: _Tree) -> None:
        difference = checksums.array_differences(meta["checkpoint"]["arrays"], target)
        if difference:
            raise BadInput(
                f"checkpoint {self.directory / str(step)} is of another model: {difference}; "
                f"use the config it was written with{files.changed_versions(meta)}, or train anew "
                "in another --workdir"
            )
        files.require_divisible(target)

    def _nothing_good(self, faults: dict[int, str]) -> str:
        if not faults:
            return f"no checkpoint in {self.directory}; give the directory of a run that saved one"
        listed = "; ".join(f"step {step}: {fault}" for step, fault in faults.items())
        return f"no usable checkpoint in {self.directory} ({listed}); restore a copy or train anew"

    def _set_aside(self, steps: list[int], suffix: str = "damaged") -> None:
        if steps and self._manager:
            files.set_aside(self.directory, steps, suffix)
            self._manager.reload()

    def _write(self, step: int, state: _Tree, document: Callable[[], dict[str, Any]]) -> None:
        args = ocp.args.Composite(state=ocp.args.StandardSave(state), meta=Sealed(document))
        if self._manager is None:
            raise ValueError(f"{self.directory} is only read")
        self._begun = step
        short = [one for one in gather_values(files.missing_space(self.directory, state)) if one]
        if short:
            self._fail(OSError(short[0]))  # Orbax would say it in a hundred tracebacks
            return
        try:
            self._manager.save(step, args=args, force=True)
            self._failure = None
        except OSError as error:
            self._fail(error)

    def _settle(self) -> None:
        """Waits for the save in flight; if it failed, warns and starts with a clean slate."""
        if self._manager is None:
            return
        try:
            self._manager.wait_until_finished()
            fault = None
        except Exception as error:  # Orbax passes on whatever the file system's driver raised
            fault = error
        if any(gather_values(fault is not None)):
            self._fail(fault or OSError("another process could not write its part"))

    def _fail(self, error: BaseException) -> None:
        self._failure = (
            f"checkpoint {self.directory / str(self._begun)} could not be written: "
            f"{files.one_line(error)}; steps on disk: {self.steps() or 'none'}; "
            "free space there, then run again"
        )
        _log.warning("%s", self._failure)
        self._manager = files.open_manager(self.directory, self._retention)
