"""What weights of our own say of themselves in model.json, besides what every pair says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One that a generator drew with seed 0: the same bits on the same JAX and processor."""

    samples: int
    sha256: str
    processor: str


@dataclass(frozen=True)
class Kept:
    """Where the scores are from, and what a test needs to hold weights to them.

    monitor: the score that the system is chosen by. excerpt: the scores of the first `records` of
    the test split, of the size 'tiny' where the data set has sizes. training_seconds: None of what
    was fitted without a log.
    """

    seed: int
    monitor: str
    protocol: str
    device: str
    machine: str
    date: str
    records: int
    excerpt: dict[str, float]
    training_seconds: float | None = None
    sample: Sample | None = None
