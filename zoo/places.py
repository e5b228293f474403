"""Where things of a user lie: the home directory, caches, data; also for a user without a home."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

APP = "waveform-zoo"


def home() -> Path | None:
    """The home directory; None where there is none, as in containers under a bare number."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def cache() -> Path:
    """$XDG_CACHE_HOME, else ~/.cache, else a private folder of this user for temporary files."""
    named = os.environ.get("XDG_CACHE_HOME")
    if named and Path(named).is_absolute():
        return Path(named) / APP
    own = home()
    return own / ".cache" / APP if own else private_temp_folder()


def data() -> Path:
    """$ZOO_DATA_DIR, else ~/.local/share, else a private folder as for `cache`."""
    named = os.environ.get("ZOO_DATA_DIR")
    if named:
        return Path(named).expanduser()
    own = home()
    return own / ".local" / "share" / APP if own else private_temp_folder()


def private_temp_folder() -> Path:
    """A folder below the temporary ones that only this user can write: others may lay traps."""
    folder = Path(tempfile.gettempdir()) / f"{APP}-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
        if folder.is_symlink() or about.st_uid != os.getuid() or about.st_mode & 0o022:
            raise PermissionError
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix=f"{APP}-"))
    return folder
