"""JAX's cache of compiled programs with a SHA-256 behind every entry: a damaged one is made anew.

By itself JAX writes an entry in place, so that a kill leaves half of one, reads it without a check,
and never replaces it: each later start compiles again with a warning, or runs what a flipped bit
made of the program.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from zoo import durable


def use_compile_cache(folder: str) -> None:
    """Keeps compiled programs in that folder; where it takes none, they are compiled every time."""
    import jax
    from jax._src import compilation_cache  # JAX has no public way to put another store in place

    jax.config.update("jax_compilation_cache_dir", folder)
    limit = jax.config.jax_compilation_cache_max_size  # type: ignore[attr-defined]  # made by JAX
    own = "://" not in folder and limit == -1
    if own and hasattr(compilation_cache, "get_file_cache"):
        made: Any = lambda path: (SealedCache(Path(path)), path)  # noqa: E731
        compilation_cache.get_file_cache = made  # in it, a class of JAX's own, which is private


class SealedCache:
    """What JAX asks of a cache: bytes by key."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str) -> bytes | None:
        """None where there is no entry, or a damaged one, which goes."""
        path = self._entry(key)
        try:
            return durable.unsealed(path)
        except (OSError, durable.Damaged):
            with contextlib.suppress(OSError):
                path.unlink()
            return None

    def put(self, key: str, value: bytes) -> None:
        """A full or forbidden disk is no reason to stop."""
        path = self._entry(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                durable.write_sealed(path, lambda file: file.write(value))

    def _entry(self, key: str) -> Path:
        return self._path / f"{key}.sealed"
