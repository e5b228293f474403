"""Settings that every test shares: compiled programs and built data are kept between runs."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

CACHE = pathlib.Path(__file__).parent.parent / ".cache"

os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
os.environ.setdefault("ZOO_DATA_DIR", str(CACHE / "data"))
os.environ.setdefault("MPLBACKEND", "agg")


@pytest.fixture(scope="module")
def compiled_in_haste():
    """Programs that are not optimised, which come sooner: for a module that needs no fast ones."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()  # other tests' programs shall be those that users run


@pytest.fixture
def published_modules(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Call with pinned packages: till the test ends they can be imported, without what they need.

    Nothing is installed into the environment.
    """
    room = tmp_path_factory.mktemp("published")

    def bring(*packages: str) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        subprocess.run([*pip, str(room), *packages], check=True)
        monkeypatch.syspath_prepend(str(room))

    yield bring
    for name, module in list(sys.modules.items()):
        if str(room) in str(getattr(module, "__file__", "")):
            del sys.modules[name]
