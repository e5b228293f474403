"""Training examples by number, and batches of them: functions of (seed, number) alone."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from zoo.data.source import Example
from zoo.data.track_crops import Crops

Transform = Callable[[np.random.Generator, Example], Example]
_Arrays = dict[str, np.ndarray]
LISTED = 1 << 20  # examples of a pass whose order is held in memory
_SMALL = 1 << 16  # bytes of an array that a worker pickles


@dataclass(frozen=True)
class WholeRecords:
    """Whole records, drawn as `Crops` are."""

    records: Sequence[Example]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def distinct(self) -> int:
        return len(self)

    def draw(self, number: int, rng: np.random.Generator, into: _Arrays | None = None) -> Example:
        return self.records[number]


@dataclass(frozen=True)
class Examples:
    """Records, or crops of tracks, in passes of a new order each, transformed."""

    parts: WholeRecords | Crops
    transforms: tuple[Transform, ...]
    seed: int

    def draw(self, number: int, into: _Arrays | None = None) -> Example:
        """The `number`-th example. A crop is read into the arrays of `into` that fit it."""
        turn, place = divmod(number, len(self.parts))
        place = _shuffled(place, len(self.parts), self.seed, turn)
        rng = np.random.default_rng((self.seed, number))
        return apply_transforms(self.transforms, self.parts.draw(place, rng, into), rng)


@dataclass(frozen=True)
class Batches:
    """Batches by number: the rows of one process, every `processes`-th example.

    shared: large arrays lie in shared memory, as a worker process of Grain hands them over.
    """

    examples: Examples
    rows: int
    process: int
    processes: int
    shared: bool = False

    def __len__(self) -> int:
        return sys.maxsize // (self.rows * self.processes)

    def __getitem__(self, index: int) -> _Arrays:
        numbers = range(index * self.rows, (index + 1) * self.rows)
        first, *rest = (self.process + self.processes * number for number in numbers)
        example = batchable_arrays(self.examples.draw(first))
        batch = {key: self._empty((self.rows, *v.shape), v.dtype) for key, v in example.items()}
        plain = {key: value.view(np.ndarray) for key, value in batch.items()}
        _fill(plain, 0, example)
        for row, number in enumerate(rest, 1):
            into = {key: value[row] for key, value in plain.items()}
            _fill(plain, row, batchable_arrays(self.examples.draw(number, into)), into)
        return batch

    def _empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if self.shared and math.prod(shape) * dtype.itemsize > _SMALL:
            from grain.multiprocessing import SharedMemoryArray

            return SharedMemoryArray(shape, dtype)  # Grain would copy an array of another kind
        return np.empty(shape, dtype)


def _shuffled(place: int, count: int, seed: int, turn: int) -> int:
    """Which of `count` examples comes at a place of a pass, whose number is `turn`."""
    if count <= LISTED:
        return int(_order(count, seed, turn)[place])
    from grain.experimental import index_shuffle

    own = int(np.random.default_rng((seed, turn)).integers(2**32))
    return index_shuffle(place, max_index=count - 1, seed=own, rounds=4)


@lru_cache(maxsize=4)
def _order(count: int, seed: int, turn: int) -> np.ndarray:
    return np.random.default_rng((seed, turn)).permutation(count)


def _fill(batch: _Arrays, row: int, example: _Arrays, into: _Arrays | None = None) -> None:
    """Copies an example to its row, but for arrays that were read into it already."""
    for key, value in example.items():
        if into is None or value is not into[key]:
            batch[key][row] = value


def apply_transforms(
    transforms: Sequence[Transform], example: Example, rng: np.random.Generator
) -> Example:
    for transform in transforms:
        example = transform(rng, example)
    return example


def batchable_arrays(example: Example) -> _Arrays:
    """What can be batched: numeric arrays and numbers; names and ragged notes are dropped."""
    kept: dict[str, Any] = {
        k: np.asarray(v) for k, v in example.items() if not isinstance(v, dict | str | bytes)
    }
    return {k: v for k, v in kept.items() if v.dtype.kind in "fiub"}
