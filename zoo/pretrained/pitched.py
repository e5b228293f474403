"""A data set with the pitch of its audio, found once by published weights and kept beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from zoo.data.records import SPLITS
from zoo.data.source import Example, Info, RandomAccess, Source
from zoo.data.tracks import Track, tracked
from zoo.errors import BadInput
from zoo.pretrained.pitch_tracker import PitchTracker


class _Stored(Source, Protocol):
    """A source whose records lie in one folder."""

    @property
    def directory(self) -> str | os.PathLike[str]: ...


@dataclass(frozen=True)
class PitchedRecords:
    """The records of `source` (at 16 kHz) with `f0` [F 1] in Hz, F = T // hop.

    0 Hz where the tracker is less confident than `threshold`. `prepare` tracks every record once:
    with CREPE tiny somewhat faster than real time on two cores.
    """

    source: _Stored
    tracker: PitchTracker = PitchTracker()
    hop: int = 64
    threshold: float = 0.5

    @property
    def info(self) -> Info:
        return self.source.info

    @property
    def directory(self) -> Path:
        """Where the curves lie: in the folder of the records they belong to."""
        name = f"f0-{self.tracker.weights}-{self.hop}-{round(100 * self.threshold)}"
        return Path(self.source.directory) / name

    def blank(self) -> Example:
        record = self.source.blank()
        frames = len(record["audio"]) // self.hop
        return {**record, "f0": np.zeros((frames, 1), np.float32)}

    def prepare(self) -> None:
        self.source.prepare()
        for split in SPLITS:
            if not self._file(split).is_file():
                self._track(split)

    def open(self, split: str) -> Sequence[Example]:
        found = self.source.open(split)
        file = self._file(split)
        if not file.is_file() or len(np.load(file, mmap_mode="r")) != len(found):
            raise BadInput(f"{file} does not belong to these records: delete {self.directory}.")
        return WithPitch(found, str(file), self.hop)

    def _file(self, split: str) -> Path:
        return self.directory / f"{split}.npy"

    def _track(self, split: str) -> None:
        from tqdm import tqdm

        found = self.source.open(split)
        curves = [
            self.curve(found[index]["audio"])
            for index in tqdm(range(len(found)), desc=f"pitch of {split}", unit="record")
        ]
        longest = max(map(len, curves), default=0)
        table = np.zeros((len(curves), longest), np.float32)
        for row, curve in zip(table, curves):
            row[: len(curve)] = curve
        file = self._file(split)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(f".new-{file.name}")
        np.save(new, table)
        new.replace(file)

    def curve(self, audio: np.ndarray) -> np.ndarray:
        """Hz [F] of int16 audio [T 1]."""
        hertz, confidence = self.tracker(audio[:, 0].astype(np.float32) / 32768, self.hop)
        return np.where(confidence >= self.threshold, hertz, 0.0).astype(np.float32)


@dataclass(frozen=True)
class WithPitch(RandomAccess):
    """Records with the row of a table of curves; opened anew in every worker."""

    records: Sequence[Example]
    file: str
    hop: int

    def __len__(self) -> int:
        return len(self.records)

    def record(self, index: int) -> Example:
        record = self.records[index]
        frames = len(record["audio"]) // self.hop
        curve = np.load(self.file, mmap_mode="r")[index, :frames]
        return {**record, "f0": np.array(curve)[:, None]}

    def track_index(self) -> tuple[Track, ...]:
        return tracked(self.records).track_index()

    def window(
        self,
        track: Track,
        start: int,
        samples: int,
        stagger: int,
        rng: np.random.Generator,
        into: Example | None = None,
    ) -> Example:
        """A part of a track with its pitch, that of the nearest frame of the record it lies in."""
        record = tracked(self.records).window(track, start, samples, stagger, rng, into)
        edges = np.array(track.edges())
        times = start + self.hop * np.arange(samples // self.hop)
        part = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, track.count - 1)
        frames = np.round((times - edges[part]) / self.hop).astype(int)
        last = np.maximum(np.diff(edges) // self.hop - 1, 0)[part]
        rows = np.load(self.file, mmap_mode="r")[track.first + part, np.clip(frames, 0, last)]
        curve = np.where((times >= 0) & (times < track.samples), rows, 0).astype(np.float32)
        return {**record, "f0": curve[:, None]}
