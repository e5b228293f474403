"""What is written appears whole, by one process at a time, under a name of its own until then.

Of several processes and files: locks, folders, files that belong together. A single small file is
written by `zoo.durable`.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from zoo import durable, escapes
from zoo.errors import BadInput
from zoo.locks import lock_file

PARTIAL = ".partial"
_OWN = re.compile(rf"(.+)\.\d+-[0-9a-f]{{8}}{re.escape(PARTIAL)}", re.DOTALL)
_LONGEST_NAME = 255  # bytes, of most file systems
_ENDING = 40  # bytes of it that what we add may take


@contextlib.contextmanager
def hold_lock(thing: Path, files: Iterable[Path] = (), *, wait: bool = False) -> Iterator[None]:
    """Holds the lock of a file or folder about to be written, whether it exists or not.

    What a killed process left unfinished of it, or of `files`, is removed. wait: until it is free,
    as for what is written in a moment; else raises BadInput that names the holder.
    """
    where = thing.parent
    new = [above for above in (where, *where.parents) if not above.exists()]
    where.mkdir(parents=True, exist_ok=True)
    lock = where / _hidden(thing.name, ".lock")
    try:
        remedy = "wait for it, or choose another place"
        with lock_file(lock, str(thing), remedy, wait=wait):
            for name in _leftovers(where, [thing, *files]):
                _remove(where / name)
            yield
    finally:
        with contextlib.suppress(OSError):  # nothing came of it: no folder either
            for made in new:
                made.rmdir()


def _leftovers(where: Path, things: Iterable[Path]) -> list[str]:
    """The names in a folder that `hidden_name` gave in dead processes: call it under the lock."""
    beginnings = {_hidden(thing.name, "") for thing in things}
    names = (_OWN.fullmatch(name) for name in os.listdir(where) if name.endswith(PARTIAL))
    return [found[0] for found in names if found and found[1] in beginnings]


def hidden_name(thing: Path) -> Path:
    """A hidden name beside `thing` that no other process has."""
    return thing.with_name(_hidden(thing.name, f".{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}"))


def _hidden(name: str, ending: str) -> str:
    """.NAME + ending, with NAME cut where a file system would refuse the whole."""
    cut = name.encode(errors="surrogateescape")[: _LONGEST_NAME - _ENDING]
    return f".{cut.decode(errors='ignore')}{ending}"


def _remove(path: Path) -> None:
    """A file, a link or a folder with all in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(*paths: Path) -> Iterator[list[Path]]:
    """Files of one's own beside `paths`, which take their places together where all goes well.

    They are on the disk before they do: what was there outlives a loss of power.
    """
    parts = [hidden_name(path) for path in paths]
    try:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        with naming(paths[0]):
            yield parts
            for part in filter(Path.exists, parts):
                durable.sync(part)
            _settle(dict(zip(parts, paths)))
            for folder in {path.parent for path in paths}:
                durable.sync(folder)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _settle(places: dict[Path, Path]) -> None:
    """Renames files to their places, in order; those that were not made are passed over."""
    for part, path in places.items():
        if part.exists():
            os.replace(part, path)


@contextlib.contextmanager
def write_folder(place: Path, check: Callable[[], None]) -> Iterator[Path]:
    """An empty folder to write into, which becomes `place` where all goes well, else nothing does.

    Its files take the places of those of the same names. check: raises BadInput where that must not
    be; called once no other process can write `place` any more, for which BadInput is raised too.
    """
    with hold_lock(place):
        check()
        with write_locked_folder(place) as part:
            yield part


def relocated_line(line: str, part: Path, place: Path) -> str:
    """A line about files in the folder `part` as it is true once they stand in `place`."""
    for form in (str, escapes.terminal_line):
        line = line.replace(form(part), form(place))
    return line


@contextlib.contextmanager
def write_locked_folder(place: Path) -> Iterator[Path]:
    """As `write_folder`, for whoever holds the lock."""
    part = hidden_name(place)
    try:
        with naming(place):
            part.mkdir(parents=True)
            yield part
            _merge(part, place)
    finally:
        _remove(part)


def refuse_nonempty(place: Path, force: bool) -> None:
    """raises BadInput where a folder for results holds any already, unless `force`."""
    if place.exists() and not place.is_dir():
        raise BadInput(f"{place} is no folder: choose another --out")
    if place.is_dir() and any(place.iterdir()) and not force:
        raise BadInput(f"{place} exists: choose another --out, or --force to overwrite")


def _merge(part: Path, place: Path) -> None:
    """Puts a whole folder in its place, or its files among those that are there."""
    with contextlib.suppress(OSError):
        part.rename(place)  # also over an empty one
        return
    for path in sorted(part.rglob("*")):
        target = place / path.relative_to(part)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            os.replace(path, target)


@contextlib.contextmanager
def naming(place: Path) -> Iterator[None]:
    """A full disk does not say where it is, or names what is to become `place`."""
    try:
        yield
    except OSError as error:
        named = "" if error.filename is None else str(error.filename)
        if error.errno and (not named or any(p.endswith(PARTIAL) for p in Path(named).parts)):
            error.filename = str(place)
        raise
