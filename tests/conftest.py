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

import jax  # noqa: E402

HASTE = "--xla_cpu_use_fusion_emitters=false"  # half the time that unoptimised programs take


def pytest_configure(config: pytest.Config) -> None:
    """Gives this process XLA's flag, not those that it starts: they run what users run."""
    before = os.environ.get("XLA_FLAGS", "")
    flagged = {**os.environ, "XLA_FLAGS": f"{before} {HASTE}".strip()}
    devices = "import jax; jax.devices()"
    # XLA ends a process that gives it a flag which a later version may have dropped.
    if subprocess.run([sys.executable, "-c", devices], env=flagged, capture_output=True).returncode:
        return
    os.environ["XLA_FLAGS"] = flagged["XLA_FLAGS"]
    jax.devices()  # reads the flags
    os.environ["XLA_FLAGS"] = before


@pytest.fixture(scope="module", autouse=True)
def programs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Unoptimised programs, which come sooner; optimised ones for modules that say `optimised`."""
    optimised = request.node.get_closest_marker("optimised") is not None
    if jax.config.read("jax_disable_most_optimizations") == optimised:
        jax.config.update("jax_disable_most_optimizations", not optimised)
        jax.clear_caches()
    yield


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
