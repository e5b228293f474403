"""Settings that every test shares: compiled programs and built data are kept between runs."""

import os
import pathlib

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
