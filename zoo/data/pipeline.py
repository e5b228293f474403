"""From records to batches with Grain: batch i is a function of (seed, i), for any worker count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from zoo import machine
from zoo.data import device_transforms
from zoo.data.device_transforms import DeviceTransform
from zoo.data.examples import (
    Batches,
    Examples,
    Transform,
    WholeRecords,
    apply_transforms,
    batchable_arrays,
)
from zoo.data.source import Source
from zoo.data.track_crops import TrackCrop, crops
from zoo.errors import BadInput

AHEAD = 8  # batches
AHEAD_BYTES = 1 << 30


class Feed(Protocol):
    """What training asks of its data: `Data`, or another way to make batches of records."""

    @property
    def source(self) -> Source: ...

    @property
    def transforms(self) -> tuple[Transform, ...]: ...

    @property
    def on_device(self) -> tuple[DeviceTransform, ...]: ...

    def spec(self, batch: int) -> dict[str, np.ndarray]:
        """A batch of zeros as the objective will see it; needs no disk."""

    def host_spec(self, batch: int) -> dict[str, np.ndarray]:
        """A batch of zeros as it leaves the host."""

    def augment(self, rng: Any, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch of the host as the objective sees it: pure, for inside of a compiled function."""

    def batches(
        self, batch: int, seed: int, first: int = 0, process: int = 0, processes: int = 1
    ) -> Iterator[dict[str, np.ndarray]]:
        """Endless training batches from the `first`-th on: this process's rows, [batch/P ...]."""

    def once(self, split: str, batch: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
        """Every record of a split once, in order, transformed as in training: [batch ...]."""

    def names(self, batch: int, seed: int, draw: int) -> list[str]:
        """The tracks in the `draw`-th training batch."""

    def count(self) -> int:
        """How many different examples there are."""


@dataclass(frozen=True)
class Data:
    """A source and what is done to each training example, in order.

    crop: examples are windows of whole tracks; None: they are records. The transforms work on
    single examples on the host and leave arrays of fixed shape; strings are dropped before
    batching. on_device: what is done to whole batches there, as a part of the compiled step; only
    the objective sees its outcome, float32 audio [B T C]. `workers` processes read and cut; 0: this
    process does, with `read_threads` threads (0: the one that asks).
    """

    source: Source
    transforms: tuple[Transform, ...]
    workers: int = 0
    crop: TrackCrop | None = None
    on_device: tuple[DeviceTransform, ...] = ()
    read_threads: int = 2

    def spec(self, batch: int) -> dict[str, np.ndarray]:
        """A batch of zeros as the objective will see it; needs no disk."""
        return device_transforms.spec(self.on_device, self.host_spec(batch))

    def host_spec(self, batch: int) -> dict[str, np.ndarray]:
        """A batch of zeros as it leaves the host."""
        blank = self.source.blank()
        cut = self.crop.blank(blank) if self.crop else blank
        example = batchable_arrays(apply_transforms(self.transforms, cut, np.random.default_rng(0)))
        return {k: np.broadcast_to(v, (batch, *v.shape)) for k, v in example.items()}

    def augment(self, rng: Any, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch of the host as the objective sees it: pure, for inside of a compiled function."""
        return device_transforms.apply_on_device(self.on_device, rng, batch)

    def batches(
        self, batch: int, seed: int, first: int = 0, process: int = 0, processes: int = 1
    ) -> Iterator[dict[str, np.ndarray]]:
        """Endless training batches from the `first`-th on: this process's rows, [batch/P ...]."""
        import grain

        shared = self.workers > 0
        rows = Batches(self.examples(seed), batch // processes, process, processes, shared)
        threads = (
            0 if self.workers else self.read_threads
        )  # a worker that reads ahead gains nothing
        ahead = self._ahead(rows.rows) if threads else 0
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=ahead)
        ordered = grain.MapDataset.source(rows)[first:].to_iter_dataset(options)
        if self.workers:
            from absl import flags  # Grain's worker processes insist on parsed absl flags

            if not flags.FLAGS.is_parsed():
                flags.FLAGS(["zoo"])
            many = grain.MultiprocessingOptions(num_workers=self.workers)
            ordered = ordered.mp_prefetch(many, machine.end_with_parent)
        return iter(ordered)

    def once(self, split: str, batch: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
        """Every record of a split once, in order, as the objective sees it: [batch ...].

        With `crop`, every track in windows side by side. The last batch is smaller where the
        records do not fill it.
        """
        records = self.source.open(split)
        examples = crops(records, self.crop).in_order() if self.crop else iter(records)
        rows: list[dict[str, np.ndarray]] = []
        for number, example in enumerate(examples):
            rng = np.random.default_rng((seed, number))
            rows.append(batchable_arrays(apply_transforms(self.transforms, example, rng)))
            if len(rows) == batch:
                yield self._stacked(rows, seed, number)
                rows = []
        if rows:
            yield self._stacked(rows, seed, len(rows))

    def names(self, batch: int, seed: int, draw: int) -> list[str]:
        """The tracks in the `draw`-th training batch."""
        examples = self.examples(seed)
        return [str(examples.draw(i)["track"]) for i in range(draw * batch, (draw + 1) * batch)]

    def count(self) -> int:
        """How many different examples there are: records, or windows of all tracks."""
        return self.examples(0).parts.distinct

    def examples(self, seed: int) -> Examples:
        """The training examples without end, in passes of a new order each."""
        records = self.source.open("train")
        if not len(records):
            raise BadInput(f"{self.source.info.name}: the training split is empty")
        parts = crops(records, self.crop) if self.crop else WholeRecords(records)
        return Examples(parts, self.transforms, seed)

    def _ahead(self, rows: int) -> int:
        """How many batches to read ahead: AHEAD at most, fewer where they are large."""
        size = sum(array.nbytes for array in self.host_spec(rows).values())
        return max(2, min(AHEAD, AHEAD_BYTES // max(size, 1)))

    def _stacked(
        self, rows: Sequence[dict[str, np.ndarray]], seed: int, number: int
    ) -> dict[str, np.ndarray]:
        """One batch of examples, as the objective sees it."""
        batch = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
        return device_transforms.transformed_host_batch(self.on_device, seed, number, batch)
