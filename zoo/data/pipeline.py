"""From records to batches with Grain: batch i is a function of (seed, i), for any worker count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.source import Example, Source
from zoo.errors import BadInput

Transform = Callable[[np.random.Generator, Example], Example]


@dataclass(frozen=True)
class Data:
    """A source and what is done to each training example, in order.

    The transforms leave what the model sees: arrays of fixed shape, float32 audio [T C]. Strings
    are dropped before batching. `workers` processes (0: threads of this process) read and cut.
    """

    source: Source
    transforms: tuple[Transform, ...]
    workers: int = 0

    def spec(self, batch: int) -> dict[str, np.ndarray]:
        """A batch of zeros as the model will see it; needs no disk."""
        example = arrays(apply(self.transforms, self.source.blank(), np.random.default_rng(0)))
        return {k: np.broadcast_to(v, (batch, *v.shape)) for k, v in example.items()}

    def batches(
        self, batch: int, seed: int, first: int = 0, process: int = 0, processes: int = 1
    ) -> Iterator[dict[str, np.ndarray]]:
        """Endless training batches from the `first`-th on: this process's rows, [batch/P ...]."""
        import grain

        examples = self.examples(seed).map(arrays)
        rows = examples[process::processes].batch(batch // processes, drop_remainder=True)
        options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=8)
        ordered = rows[first:].to_iter_dataset(options)
        if self.workers:
            from absl import flags  # Grain's worker processes insist on parsed absl flags

            if not flags.FLAGS.is_parsed():
                flags.FLAGS(["zoo"])
            ordered = ordered.mp_prefetch(grain.MultiprocessingOptions(num_workers=self.workers))
        return iter(ordered)

    def once(self, split: str, batch: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
        """Every record of a split once, in order, transformed as in training: [batch ...].

        The last batch is smaller where the records do not fill it.
        """
        records = self.source.open(split)
        for first in range(0, len(records), batch):
            numbers = range(first, min(first + batch, len(records)))
            rngs = (np.random.default_rng((seed, number)) for number in numbers)
            rows = [
                arrays(apply(self.transforms, records[number], rng))
                for number, rng in zip(numbers, rngs)
            ]
            yield {key: np.stack([row[key] for row in rows]) for key in rows[0]}

    def names(self, batch: int, seed: int, draw: int) -> list[str]:
        """The tracks in the `draw`-th training batch."""
        examples = self.examples(seed)
        return [str(examples[i]["track"]) for i in range(draw * batch, (draw + 1) * batch)]

    def examples(self, seed: int) -> Any:
        """Shuffled, repeated for ever (a new order each time), transformed: a Grain MapDataset."""
        import grain

        records = self.source.open("train")
        if not len(records):
            raise BadInput(f"{self.source.info.name}: the training split is empty")
        data = grain.MapDataset.source(records).seed(seed).shuffle().repeat()
        return data.random_map(Transformed(self.transforms))


@dataclass(frozen=True)
class Transformed:
    """The transforms as one importable callable, which Grain's worker processes need."""

    transforms: tuple[Transform, ...]

    def __call__(self, example: Example, rng: np.random.Generator) -> Example:
        return apply(self.transforms, example, rng)


def apply(transforms: tuple[Transform, ...], example: Example, rng: np.random.Generator) -> Example:
    for transform in transforms:
        example = transform(rng, example)
    return example


def arrays(example: Example) -> dict[str, np.ndarray]:
    """What can be batched: numeric arrays and numbers; names and ragged notes are dropped."""
    kept = {k: np.asarray(v) for k, v in example.items() if not isinstance(v, dict | str | bytes)}
    return {k: v for k, v in kept.items() if v.dtype.kind in "fiub"}
