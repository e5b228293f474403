"""Retention policy: keeps the newest checkpoints and the best by a metric, also if that is NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Retention:
    """A preservation policy in Orbax's sense. Its own `BestN` alone deletes the newest checkpoint.

    keep: how many of the newest. monitor: (name of the metric, 'max' or 'min').
    """

    keep: int
    monitor: tuple[str, str] | None
    scores: dict[int, float] = field(default_factory=dict)  # higher is better

    def add(self, step: int, metrics: dict[str, float]) -> None:
        """Remembers the monitored metric of a step, where it has one."""
        self.scores.pop(step, None)
        if self.monitor and self.monitor[0] in metrics:
            sign = 1.0 if self.monitor[1] == "max" else -1.0
            self.scores[step] = sign * metrics[self.monitor[0]]

    def rank(self, step: int) -> tuple[float, int]:
        """Sorts the best first (of equals the oldest), then those without a score, newest first."""
        return (-self.scores[step], step) if step in self.scores else (math.inf, -step)

    def best(self, steps: Sequence[int]) -> int | None:
        scored = [step for step in steps if step in self.scores]
        return min(scored, key=self.rank) if scored else None

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        """Called by Orbax with everything on disk and the checkpoint being written."""
        steps = sorted(info.step for info in checkpoints)
        kept = {*steps[-self.keep :], self.best(steps)}
        return [info.step in kept for info in checkpoints]


def finite_only(metrics: dict[str, Any]) -> dict[str, float]:
    """Those that are finite numbers: a NaN would be the best for ever."""
    numbers = {name: float(value) for name, value in metrics.items()}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}
