"""Fixtures of the metric tests: museval's metrics without its import of ffmpeg, and signals."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small matrices on several threads only wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def museval_folder() -> Path:
    return Path(next(iter(importlib.util.find_spec("museval").submodule_search_locations)))


@pytest.fixture(scope="session")
def museval_metrics(museval_folder: Path) -> ModuleType:
    path = museval_folder / "metrics.py"
    spec = importlib.util.spec_from_file_location("museval_metrics_alone", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def separated():
    """separated(sources, samples, channels) -> 16-bit reference and estimate [S T C]."""

    def make(sources: int, samples: int, channels: int = 2) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(sources * samples + channels)
        reference = 0.1 * rng.standard_normal((sources, samples, channels))
        # Sources of different colour, and channels that share a part, as in music.
        for j in range(sources):
            reference[j, 1:] += (0.3 + 0.2 * j) * reference[j, :-1]
            reference[j] += 0.3 * reference[j, :, ::-1]
        leak = np.roll(reference.sum(axis=0), 3, axis=0)
        noise = 0.01 * rng.standard_normal(reference.shape)
        estimate = 0.8 * reference + 0.1 * np.roll(reference, 1, axis=1) + 0.1 * leak + noise
        return tuple(np.round(x * 32_768) / 32_768 for x in (reference, estimate))

    return make
