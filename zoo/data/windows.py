"""Consecutive windows of the same clips, for truncated back-propagation with a carried state.

With W windows in a clip, batches nW, ..., nW + W - 1 are the windows of one group of clips in
order. Batch i remains a function of (seed, i).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data import device_transforms
from zoo.data.device_transforms import DeviceTransform
from zoo.data.pipeline import Data, Transform
from zoo.data.source import Source
from zoo.data.track_crops import TrackCrop
from zoo.errors import BadInput


@dataclass(frozen=True)
class Windows:
    """A Data whose batches hold `samples` of audio [B samples C] and `reset` [B].

    The transforms, after `crop` where there is one, end in clips of one length, audio [T C]; a rest
    shorter than a window is not used. reset is true in the first window of a clip. Other keys are
    the clip's.
    """

    source: Source
    transforms: tuple[Transform, ...]
    samples: int
    workers: int = 0
    on_device: tuple[DeviceTransform, ...] = ()
    read_threads: int = 2
    crop: TrackCrop | None = None

    def spec(self, batch: int) -> dict[str, np.ndarray]:
        """A batch of zeros as the model will see it; needs no disk."""
        return device_transforms.spec(self.on_device, self.host_spec(batch))

    def host_spec(self, batch: int) -> dict[str, np.ndarray]:
        """A batch of zeros as it leaves the host."""
        return self._cut(self._clips.host_spec(batch), 0)

    def augment(self, rng: Any, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch of the host as the objective sees it: as that of `Data`."""
        return self._clips.augment(rng, batch)

    def batches(
        self, batch: int, seed: int, first: int = 0, process: int = 0, processes: int = 1
    ) -> Iterator[dict[str, np.ndarray]]:
        """Endless training batches from the `first`-th on: this process's rows, [batch/P ...]."""
        count = self.per_clip
        group, window = divmod(first, count)
        for clips in self._clips.batches(batch, seed, group, process, processes):
            for index in range(window, count):
                yield self._cut(clips, index)
            window = 0

    def once(self, split: str, batch: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
        """Every window of a split once, those of a group of clips in order: [batch ...]."""
        for clips in self._clips.once(split, batch, seed):
            for index in range(self.per_clip):
                yield self._cut(clips, index)

    def names(self, batch: int, seed: int, draw: int) -> list[str]:
        """The tracks in the `draw`-th training batch."""
        return self._clips.names(batch, seed, draw // self.per_clip)

    def count(self) -> int:
        """How many clips there are, of which a batch holds one window each."""
        return self._clips.count()

    @property
    def per_clip(self) -> int:
        """Windows in a clip."""
        length = self._clips.host_spec(1)["audio"].shape[1]
        if length < self.samples:
            raise BadInput(f"clips of {length} samples hold no window of {self.samples}")
        return length // self.samples

    @property
    def _clips(self) -> Data:
        return Data(
            self.source,
            self.transforms,
            self.workers,
            self.crop,
            on_device=self.on_device,
            read_threads=self.read_threads,
        )

    def _cut(self, clips: dict[str, np.ndarray], index: int) -> dict[str, np.ndarray]:
        audio = clips["audio"][:, index * self.samples : (index + 1) * self.samples]
        return {**clips, "audio": audio, "reset": np.full(len(audio), index == 0)}
