"""The zoo's own C++, compiled at first use by the system's compiler, kept in the user's cache.

Nothing but the sources beside this file is ever compiled. What lies in the cache has a SHA-256
behind it, belongs to this user, and is named for all that it was made of: sources, flags, compiler,
CPU, JAX. A damaged one is made anew.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import time
from functools import cache
from pathlib import Path

import jax

from zoo import durable, machine, places, writing
from zoo.errors import BadInput

_SOURCES = Path(__file__).parent
COMPILERS = ("c++", "g++", "clang++")
_FLAGS = ("-O3", "-std=c++17", "-shared", "-fPIC", "-DNDEBUG", "-w")
_PATIENCE = 300  # seconds that a compiler may take
FORGOTTEN = 60 * 86_400  # seconds after which a library that no process loaded is removed


class Unavailable(Exception):
    """There is no such library here; the message says why, in a few words."""


def load_library(name: str, weights: str = "float32") -> ctypes.CDLL:
    """The library of NAME.cc, which reads matrices of that type. raises Unavailable.

    A process tries once: a compiler that fails takes its time, too.
    """
    found = _tried(name, weights)
    if isinstance(found, str):
        raise Unavailable(found)
    return found


@cache
def _tried(name: str, weights: str) -> ctypes.CDLL | str:
    """The library, or why there is none."""
    try:
        return compile_library(name, weights)
    except Unavailable as error:
        return str(error)


def compile_library(name: str, weights: str = "float32") -> ctypes.CDLL:
    """The library out of the cache, or compiled into it. raises Unavailable."""
    if os.name != "posix":
        raise Unavailable("compiled code is for Linux and macOS")
    command = [compiler(), *_flags(), f"-DZOO_{weights.upper()}", "-I", jax.ffi.include_dir()]
    try:
        path = _folder() / f"{name}-{weights}-{key(command)}.so"
        with writing.hold_lock(path, [path], wait=True):
            return _opened(path, [*command, str(_SOURCES / f"{name}.cc")])
    except (OSError, BadInput) as error:
        raise Unavailable(f"cannot keep it in {places.cache()}: {error}") from error


@cache
def ffi_target(name: str, weights: str) -> str:
    """The name under which XLA knows the library's function on CPUs. raises Unavailable.

    weights: the type that it reads them in: float32, bfloat16, int8.
    """
    known = f"zoo_{name}_{weights}"
    handler = jax.ffi.pycapsule(getattr(load_library(name, weights), f"zoo_{name}"))
    jax.ffi.register_ffi_target(known, handler, platform="cpu")
    return known


@cache
def panel(name: str, weights: str) -> int:
    """Columns of a matrix that the library has side by side in memory."""
    return int(load_library(name, weights).zoo_panel())


def compiler() -> str:
    """$CXX, else the system's C++ compiler. raises Unavailable."""
    for name in (os.environ.get("CXX"), *COMPILERS):
        if name and (found := shutil.which(name)):
            return found
    raise Unavailable(f"there is no C++ compiler ({', '.join(COMPILERS)}, $CXX)")


def _flags() -> tuple[str, ...]:
    """For this very CPU, whose vectors are what makes it fast."""
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return (*_FLAGS, "-mcpu=native" if arm else "-march=native")


def key(command: list[str]) -> str:
    """A name for all that a library depends on."""
    identity = [*command, machine.processor(), platform.platform(), jax.__version__]
    digest = hashlib.sha256("\n".join(identity).encode())
    for source in sorted((*_SOURCES.glob("*.cc"), *_SOURCES.glob("*.h"))):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:24]


def _folder() -> Path:
    """A folder of this user that no one else writes to. raises Unavailable."""
    place = places.cache() / "native"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = place.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        raise Unavailable(f"{place} is not this user's own folder")
    if about.st_mode & 0o022:
        place.chmod(0o700)
    return place


def _opened(path: Path, command: list[str]) -> ctypes.CDLL:
    """What the sealed file holds, of a copy that no other process can change, or compiled anew."""
    part = writing.hidden_name(path)
    try:
        try:
            part.write_bytes(durable.unsealed(path))
        except (OSError, durable.Damaged):
            compile_into(part, command)
            content = part.read_bytes()
            durable.write_sealed(path, lambda file: file.write(content))
            _forget(path.parent)
        with contextlib.suppress(OSError):
            os.utime(path)  # it is in use
        return ctypes.CDLL(str(part))
    finally:
        part.unlink(missing_ok=True)


def _forget(place: Path) -> None:
    """Removes libraries of other sources, compilers or versions that were long not loaded."""
    for path in place.glob("*.so"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > FORGOTTEN:
                path.unlink()


def compile_into(part: Path, command: list[str]) -> None:
    """raises Unavailable with the first error of a compiler that fails."""
    try:
        done = subprocess.run(
            [*command, "-o", str(part)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]} did not compile it: {error}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        said = (lines or done.stderr.splitlines() or ["no message"])[0]
        raise Unavailable(f"{command[0]} does not compile it: {said.strip()}")
