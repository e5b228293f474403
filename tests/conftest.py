"""Settings that every test shares: compiled programs and built data are kept between runs."""

import gc
import os
import pathlib
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator

import agreement
import pytest

ROOT = pathlib.Path(__file__).parent.parent
CACHE = ROOT / ".cache"

# Processes that tests start find the package, installed or not.
BEFORE = os.environ.get("PYTHONPATH", "")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), BEFORE)))

os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
os.environ.setdefault("ZOO_DATA_DIR", str(CACHE / "data"))
os.environ.setdefault("MPLBACKEND", "agg")

import jax  # noqa: E402

# Tracing makes many small objects: with Python's thresholds a fifth of the time goes into looking
# for cycles among them.
gc.set_threshold(100_000, 20, 20)

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


# What configs claim to agree with, by file of tests, and what the tests of this session showed.
CLAIMS: dict[str, set[str]] = defaultdict(set)
SHOWN: dict[str, set[str]] = defaultdict(set)
SKIPPED: dict[str, list[str]] = defaultdict(list)
RAN: set[str] = set()


def pytest_sessionstart(session: pytest.Session) -> None:
    from zoo import catalog

    for entry in catalog.entries():
        for file, what in entry.agrees.items():
            CLAIMS[file] |= agreement.claimed(what)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of a claimed file says what it shows, in its report, for whoever counts."""
    for item in items:
        if item.nodeid.partition("::")[0] in CLAIMS:
            values = item.callspec.params if hasattr(item, "callspec") else {}
            found = item._fixtureinfo.name2fixturedefs.items()
            fixtures = {name: made[-1].func for name, made in found}
            shows = agreement.kinds(item.function, fixtures, values)
            item.user_properties.append(("shows", sorted(shows)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    file = report.nodeid.partition("::")[0]
    shows = dict(report.user_properties).get("shows", ())
    if file not in CLAIMS:
        return
    RAN.add(file)
    if report.skipped and shows:
        SKIPPED[file].append(f"{report.nodeid}: {report.longrepr[-1]}")
    elif report.passed and report.when == "call":
        SHOWN[file] |= set(shows)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A file that ran whole must have shown what configs say of it, or say why it could not."""
    if hasattr(session.config, "workerinput") or exitstatus or partial(session.config):
        return
    wrong = {f: k for f, k in agreement.unshown(CLAIMS, SHOWN, RAN).items() if not SKIPPED[f]}
    if wrong:
        session.config.stash[WRONG] = wrong
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


WRONG = pytest.StashKey[dict]()


def partial(config: pytest.Config) -> bool:
    """Whether tests were picked, so that a file may not have run whole."""
    picked = config.option.keyword or config.option.markexpr or config.option.collectonly
    return bool(picked or any("::" in word for word in config.args))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for file, missing in terminalreporter.config.stash.get(WRONG, {}).items():
        told = ", ".join(sorted(missing))
        terminalreporter.write_line(
            f"{file}: AGREES of a config says {told}, but no test showed it"
        )
    for file, missing in agreement.unshown(CLAIMS, SHOWN, RAN).items():
        for line in SKIPPED[file]:
            terminalreporter.write_line(f"not shown here ({', '.join(sorted(missing))}): {line}")


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
