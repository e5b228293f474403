"""What lies in a checkpoint directory: numbered folders, sealed meta, arrays; and how it is read.

Nothing here knows which checkpoint is wanted; zoo/checkpoints/store.py decides.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import logging
import re
import shutil
from collections.abc import Sequence
from typing import Any

import jax
import orbax.checkpoint as ocp
from etils import epath

from zoo import escapes, numerals
from zoo.checkpoints.checksums import by_path
from zoo.checkpoints.faults import fault_point
from zoo.checkpoints.metadata import Seal, Unfit
from zoo.checkpoints.processes import gather_values
from zoo.checkpoints.sealing import META, SealingHandler
from zoo.errors import BadInput

_log = logging.getLogger(__name__)
_Tree = Any
FORMAT = 1
_MARGIN = 1 << 20  # bytes beside the arrays: Orbax's index and meta
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
UNREAD = re.compile(r'(?:Error reading|Metadata at) "([^"/]+)')  # an array, in TensorStore's words
DISK = re.compile("No space left on device|Disk quota exceeded|File too large|Read-only file")
ORBAX_NOTES = "_CHECKPOINT_METADATA"


def numbered_steps(directory: epath.Path) -> list[int]:
    """Steps that folders of a directory are named after, ascending; other names are ignored."""
    if not directory.exists():
        return []
    names = [path.name for path in directory.iterdir() if path.is_dir()]
    return sorted(int(name) for name in names if numerals.is_count(name))


def set_aside(directory: epath.Path, steps: Sequence[int], suffix: str = "damaged") -> None:
    """Renames folders to STEP.suffix, where they block nothing and nothing is lost."""
    for step in steps if jax.process_index() == 0 else ():
        target, copy = directory / f"{step}.{suffix}", 1
        while target.exists():
            copy += 1
            target = directory / f"{step}.{suffix}{copy}"
        (directory / str(step)).rename(target)
        _log.warning("renamed %s to %s", directory / str(step), target.name)
    gather_values(None)


def require_writable_directory(directory: epath.Path) -> None:
    """Makes the directory and a file in it, or raises BadInput, on every process if on one."""
    fault = None
    if jax.process_index() == 0:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            probe = directory / ".writable"
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            fault = one_line(error)
    faults = [one for one in gather_values(fault) if one]
    if faults:
        raise BadInput(f"cannot write to {directory} ({faults[0]}); choose another directory")


def open_manager(directory: epath.Path, retention: Any) -> ocp.CheckpointManager:
    """Orbax's manager, which writes in the background and deletes what `retention` lets go."""
    try:
        return _manager(directory, retention)
    except (ValueError, TypeError, OverflowError) as error:
        # Orbax reads its own notes (the time of saving, no more) on opening, and a damaged one
        # stops it. Our seal and hashes verify the checkpoint without them.
        _log.warning("%s: ignoring damaged %s (%s)", directory, ORBAX_NOTES, one_line(error))
        notes = [directory / str(step) / ORBAX_NOTES for step in numbered_steps(directory)]
        for path in notes if jax.process_index() == 0 else ():
            if path.exists():
                path.rename(path.parent / f"{ORBAX_NOTES}.damaged")
        gather_values(None)
        return _manager(directory, retention)


def _manager(directory: epath.Path, retention: Any) -> ocp.CheckpointManager:
    # All files lie there, the rename is still to come.
    written = functools.partial(fault_point, "commit")
    options = ocp.CheckpointManagerOptions(
        preservation_policy=retention,
        cleanup_tmp_directories=True,
        async_options=ocp.options.AsyncOptions(post_finalization_callback=written),
    )
    handlers = {
        "state": ocp.StandardCheckpointHandler(),
        "meta": SealingHandler(),
    }
    return ocp.CheckpointManager(directory, item_handlers=handlers, options=options)


def seal_metadata(meta: dict[str, Any], step: int, **ours: Any) -> dict[str, Any]:
    """The caller's meta with ours under 'checkpoint', and over both a hash, for JSON has none."""
    ours = {"format": FORMAT, "step": step, "versions": _versions(), **ours}
    # What JSON makes of it (lists for tuples, text for keys) is what will be read and compared.
    document = json.loads(json.dumps({**meta, "checkpoint": ours}, default=str))
    document["checkpoint"]["seal"] = _digest(document)
    return document


def read_meta(directory: epath.Path, step: int) -> dict[str, Any]:
    """raises OSError or ValueError, naming the file, if it is damaged; BadInput if it is newer."""
    path = directory / str(step) / "meta" / META
    try:
        meta = json.loads(path.read_text())
        ours = dict(meta["checkpoint"])
        expected = ours.pop("seal")
        found = _digest({**meta, "checkpoint": ours})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"meta/{META} is damaged ({one_line(error)})") from error
    if found != expected or ours.get("step") != step:
        raise ValueError(f"meta/{META} is damaged (its contents do not match its seal)")
    if type(ours.get("format")) is int and ours["format"] > FORMAT:
        raise BadInput(f"{path} has format {ours['format']}, this zoo reads {FORMAT}; update it")
    try:
        Seal.of(meta)
    except Unfit as error:
        raise ValueError(f"meta/{META} is not as the zoo writes it: {error}") from error
    return meta


def restore_arrays(directory: epath.Path, step: int, target: _Tree) -> _Tree:
    """The arrays, onto the shardings of `target`. One process's trouble holds up no other."""
    alone = ocp.options.MultiprocessingOptions(
        primary_host=jax.process_index(), active_processes={jax.process_index()}
    )
    handler = ocp.StandardCheckpointHandler(multiprocessing_options=alone)
    with ocp.Checkpointer(handler, multiprocessing_options=alone) as checkpointer:
        folder = directory / str(step) / "state"
        try:
            return checkpointer.restore(folder, args=ocp.args.StandardRestore(target))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            if UNREAD.search(f"{error} {error.__cause__}"):
                raise
            message = f"state: the index of its arrays is damaged ({one_line(error)})"
            raise ValueError(message) from None


def require_divisible(target: _Tree) -> None:
    """raises BadInput where an array cannot be dealt out to the devices of its sharding."""
    for path, leaf in by_path(target).items():
        sharding = getattr(leaf, "sharding", None)
        try:
            if sharding is not None:
                sharding.shard_shape(leaf.shape)
        except ValueError:
            raise BadInput(
                f"{path} {list(leaf.shape)} cannot be divided among the devices as "
                f"{leaf.sharding.spec} over {dict(leaf.sharding.mesh.shape)}; use a number of "
                "devices that divides it"
            ) from None


def changed_versions(meta: dict[str, Any]) -> str:
    """' (written with jax 0.10.2, now 0.12.0)' for packages that differ, or ''."""
    saved, now = meta["checkpoint"]["versions"], _versions()
    changed = [f"{name} {saved[name]}, now {now.get(name)}" for name in saved]
    changed = [text for name, text in zip(saved, changed) if saved[name] != now.get(name)]
    return f" (written with {'; '.join(changed)})" if changed else ""


def one_line(error: BaseException) -> str:
    """An error's text as one line of bearable length; the cause stands at its end."""
    unread = UNREAD.search(f"{error} {error.__cause__}")
    if unread:  # TensorStore's specification of the array would fill the screen
        array = escapes.terminal_line(unread[1].replace(".", "/"))
        return f"state: the file of array {array} is missing or damaged"
    if (full := DISK.search(str(error))) and "Error writing" in str(error):
        return f"OSError: {full[0]}"  # in the same words as where Python writes
    text = escapes.terminal_line(" ".join(f"{type(error).__name__}: {error}".split()))
    text = re.sub(r" \[[a-z_ ]+='[^']*'\]", "", text)  # Orbax's driver adds its source locations
    text = re.sub(r"\{.*\}", "{...}", text)  # specifications of arrays
    return text if len(text) <= 300 else f"{text[:120]} ... {text[-180:]}"


def _digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


@functools.cache
def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _PACKAGES}


def missing_space(directory: epath.Path, state: _Tree) -> str:
    """What the disk lacks for a state, half of which may compress away; '' where it has room."""
    if "://" in str(directory) or not directory.is_dir():
        return ""
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state) if hasattr(leaf, "nbytes"))
    free = shutil.disk_usage(directory).free
    if free >= needed // 2 + _MARGIN:
        return ""
    sizes = f"{needed / 1e6:.1f} MB and {free / 1e6:.1f} MB are free"
    return f"No space left on device: it takes up to {sizes}"
