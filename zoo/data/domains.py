"""Several sources as the domains of one: records that say whose they are, batches of equal shares.

`domain` is the number of a record's source among the labels of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from zoo.data import device_transforms
from zoo.data.device_transforms import DeviceTransform
from zoo.data.examples import Transform
from zoo.data.pipeline import Data
from zoo.data.source import Example, Info, RandomAccess, Source
from zoo.data.track_crops import TrackCrop
from zoo.errors import BadInput

_Batch = dict[str, np.ndarray]


@dataclass(frozen=True)
class Domains:
    """A Source of named sources of one rate and channel count; `info.labels` are their names."""

    name: str
    named: tuple[tuple[str, Source], ...]

    @property
    def sources(self) -> tuple[Source, ...]:
        return tuple(source for _, source in self.named)

    @property
    def info(self) -> Info:
        every = [source.info for source in self.sources]
        forms = {(info.sample_rate, info.channels) for info in every}
        if len(forms) != 1:
            raise BadInput(f"{self.name}: domains have one rate and one channel count, not {forms}")
        (rate, channels) = forms.pop()
        licence = "; ".join(dict.fromkeys(info.licence for info in every))
        url = " ".join(dict.fromkeys(info.url for info in every))
        return Info(self.name, rate, channels, tuple(n for n, _ in self.named), licence, url)

    def blank(self) -> Example:
        return {**self.sources[0].blank(), "domain": np.int64(0)}

    def prepare(self) -> None:
        for source in self.sources:
            source.prepare()

    def open(self, split: str) -> Sequence[Example]:
        """The records of all domains by turns, so that the first few are of each."""
        return _ByTurns(tuple(source.open(split) for source in self.sources))


@dataclass(frozen=True)
class _ByTurns(RandomAccess):
    """One record of each sequence after another, until all are through."""

    parts: tuple[Sequence[Example], ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def record(self, index: int) -> Example:
        domain, number = _turns(tuple(map(len, self.parts)))[index]
        return {**self.parts[domain][number], "domain": np.int64(domain)}


@lru_cache(maxsize=16)
def _turns(counts: tuple[int, ...]) -> list[tuple[int, int]]:
    """(part, number in it) of every record, by turns."""
    rounds = range(max(counts, default=0))
    return [(part, n) for n in rounds for part, count in enumerate(counts) if n < count]


@dataclass(frozen=True)
class Stem:
    """A Source: one stem of the songs of a source, alone, as audio [T C]."""

    source: Source
    name: str

    @property
    def info(self) -> Info:
        return self.source.info

    def blank(self) -> Example:
        return self._alone(self.source.blank())

    def prepare(self) -> None:
        self.source.prepare()

    def open(self, split: str) -> Sequence[Example]:
        return _Changed(self.source.open(split), self._alone)

    def _alone(self, record: Example) -> Example:
        rest = {key: value for key, value in record.items() if key not in ("stems", "present")}
        return {**rest, "audio": record["stems"][self.info.labels.index(self.name)]}


@dataclass(frozen=True)
class _Changed(RandomAccess):
    """Records, each as a function of itself."""

    records: Sequence[Example]
    change: Callable[[Example], Example]

    def __len__(self) -> int:
        return len(self.records)

    def record(self, index: int) -> Example:
        return self.change(self.records[index])


@dataclass(frozen=True)
class DomainData:
    """A feed of batches that hold as many examples of each domain, those of one side by side.

    Fields as of `Data`, which cuts and transforms the examples of every domain by itself. A batch,
    and its part on every host, is a multiple of the number of domains.
    """

    source: Domains
    transforms: tuple[Transform, ...]
    crop: TrackCrop | None = None
    on_device: tuple[DeviceTransform, ...] = ()
    workers: int = 0
    read_threads: int = 1

    @property
    def parts(self) -> list[Data]:
        """The feed of every domain."""
        common: dict[str, Any] = {"crop": self.crop, "workers": self.workers}
        common |= {"read_threads": self.read_threads}
        return [Data(source, self.transforms, **common) for source in self.source.sources]

    def spec(self, batch: int) -> _Batch:
        return device_transforms.spec(self.on_device, self.host_spec(batch))

    def host_spec(self, batch: int) -> _Batch:
        return {**self.parts[0].host_spec(batch), "domain": self._marks(batch)}

    def augment(self, rng: Any, batch: dict[str, Any]) -> dict[str, Any]:
        return device_transforms.apply_on_device(self.on_device, rng, batch)

    def batches(
        self, batch: int, seed: int, first: int = 0, process: int = 0, processes: int = 1
    ) -> Iterator[_Batch]:
        count, rows = len(self.source.named), batch // processes
        if rows % count:
            raise BadInput(f"a batch of {rows} is no multiple of {count} domains: choose one")
        marks = self._marks(rows)
        every = [
            part.batches(batch // count, seed + 7919 * number, first, process, processes)
            for number, part in enumerate(self.parts)
        ]
        for together in zip(*every):
            keys = together[0]
            yield {**{k: np.concatenate([b[k] for b in together]) for k in keys}, "domain": marks}

    def once(self, split: str, batch: int, seed: int) -> Iterator[_Batch]:
        """Every record of a split once, one domain after another."""
        for number, part in enumerate(self.parts):
            whole = replace(part, on_device=self.on_device)
            for found in whole.once(split, batch, seed):
                rows = len(next(iter(found.values())))
                yield {**found, "domain": np.full(rows, number, np.int32)}

    def names(self, batch: int, seed: int, draw: int) -> list[str]:
        share = batch // len(self.source.named)
        every = [part.names(share, seed + 7919 * n, draw) for n, part in enumerate(self.parts)]
        return [name for names in every for name in names]

    def count(self) -> int:
        return sum(part.count() for part in self.parts)

    def _marks(self, batch: int) -> np.ndarray:
        """The domain of every example of a batch, [batch] int32."""
        return np.arange(batch, dtype=np.int32) * len(self.source.named) // batch
