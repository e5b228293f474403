"""What is done to float stems [S T C] before they are mixed: loudness taken out, shifts in time.

Transforms (rng, record) -> example, as in `zoo.data.transforms`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.source import Example
from zoo.data.transforms import Rng


@dataclass(frozen=True)
class Standardise:
    """Stems whose mixture, as mono, has mean 0 and deviation 1; they share the mean removed.

    Passages with a deviation below `floor` are divided by the floor and so stay quiet.
    """

    floor: float = 0.03

    def __call__(self, rng: Rng, example: Example) -> Example:
        stems = example["stems"]
        mono = stems.sum(axis=0).mean(axis=-1)
        share = np.float32(mono.mean() / len(stems))
        return {**example, "stems": (stems - share) / np.float32(max(mono.std(), self.floor))}


@dataclass(frozen=True)
class Stagger:
    """A random window of `samples` for every stem by itself: stems shift against each other."""

    samples: int

    def __call__(self, rng: Rng, example: Example) -> Example:
        stems = example["stems"]
        starts = rng.integers(stems.shape[1] - self.samples + 1, size=len(stems))
        windows = [stem[start : start + self.samples] for stem, start in zip(stems, starts)]
        return {**example, "stems": np.stack(windows)}
