"""Stems with a vocoder's parameters of one of them beside it, and windows of both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from zoo import durable
from zoo.audio import world
from zoo.audio.world import VoiceLayout
from zoo.data import plans
from zoo.data.source import Example, Info, RandomAccess, Source
from zoo.data.transforms import Rng, too_short
from zoo.errors import BadInput

LEARNT_FROM = "train"  # the one split whose parameters are kept


class Recorded(Source, Protocol):
    """A source of mono stems whose records lie in a folder."""

    @property
    def directory(self) -> Path: ...


@dataclass(frozen=True)
class Sung:
    """The records of a source, with `voice` [F P] float32 of the stem named `stem`.

    The training split is analysed once, in a thirtieth (16 kHz) to a seventh (44.1 kHz) of its
    duration, and what is found is kept beside the records: 45 kB a second at the paper's hop. Of
    other splits a record is analysed when it is read.
    """

    source: Recorded
    stem: str
    voice: VoiceLayout

    @property
    def info(self) -> Info:
        return self.source.info

    @property
    def place(self) -> int:
        """Which of the stems it is."""
        if self.stem not in self.info.labels:
            raise BadInput(
                f"{self.info.name} has no stem '{self.stem}', only {', '.join(self.info.labels)}"
            )
        return self.info.labels.index(self.stem)

    @property
    def path(self) -> Path:
        """Where the parameters of the training split are kept."""
        mark = plans.short_hash({"stem": self.stem, **asdict(self.voice)})
        return self.source.directory.parent / "voices" / f"{self.stem}-{mark}.npz"

    def blank(self) -> Example:
        blank = self.source.blank()
        frames = blank["stems"].shape[1] // self.voice.hop
        return {**blank, "voice": np.zeros((frames, self.voice.size), np.float32)}

    def prepare(self) -> None:
        """As the source, and the analysis where it is missing or the records have changed."""
        world.library()
        self.source.prepare()
        if _is_current(self.path, self._about()):
            return
        records = _WithVoice(self.source.open(LEARNT_FROM), self.place, self.voice)
        found = [r["voice"] for r in tqdm(records, f"analysing {self.stem}", unit="record")]
        text = np.array(json.dumps(self._about()))
        arrays: dict[str, Any] = {
            "rows": np.concatenate(found),
            "ends": np.cumsum([len(x) for x in found]),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        durable.write_sealed(self.path, lambda file: np.savez(file, text=text, **arrays))
        _kept.cache_clear()

    def open(self, split: str) -> Sequence[Example]:
        records = self.source.open(split)
        kept = _kept(self.path) if split == LEARNT_FROM and durable.is_sound(self.path) else None
        return _WithVoice(records, self.place, self.voice, kept)

    def _about(self) -> dict[str, str]:
        """What tells these records from others that lay there."""
        return {"records": durable.file_sha256(self.source.directory / "dataset_info.json")}


@dataclass(frozen=True)
class _Kept:
    """Parameters of all records of a split. rows: [frames P]; ends: [N], of each record's rows."""

    rows: np.ndarray
    ends: np.ndarray

    def of(self, index: int) -> np.ndarray:
        return self.rows[self.ends[index - 1] if index else 0 : self.ends[index]]


@dataclass(frozen=True)
class _WithVoice(RandomAccess):
    """Records with the parameters of a stem, out of what is kept or analysed anew."""

    records: Sequence[Example]
    stem: int
    voice: VoiceLayout
    kept: _Kept | None = None

    def __len__(self) -> int:
        return len(self.records)

    def record(self, index: int) -> Example:
        record = self.records[index]
        if self.kept:
            return {**record, "voice": self.kept.of(index)}
        alone = np.asarray(record["stems"][self.stem]).mean(1) / 32768
        return {**record, "voice": world.analysed(alone, self.voice)}


@lru_cache(maxsize=2)
def _kept(path: Path) -> _Kept:
    with np.load(path, allow_pickle=False) as file:
        return _Kept(file["rows"], file["ends"])


def _is_current(path: Path, about: dict[str, Any]) -> bool:
    """Whether parameters of these records are kept there, undamaged."""
    if not durable.is_sound(path):
        return False
    with np.load(path, allow_pickle=False) as file:
        return json.loads(str(file["text"])) == about


@dataclass(frozen=True)
class VoiceCrop:
    """A random window of `frames` of `voice` [F P], and the stems of which their spectra are.

    Spectra of n_fft samples every `hop`, each in the middle of its frame's hop: so the stems reach
    (n_fft - hop) / 2 samples over the frames on either side. Where the record says its `length`,
    the window keeps out of what fills it up, as far as it can.
    """

    frames: int
    n_fft: int
    hop: int

    @property
    def samples(self) -> int:
        return (self.frames - 1) * self.hop + self.n_fft

    def __call__(self, rng: Rng, example: Example) -> Example:
        there = example["stems"].shape[1]
        over = (self.n_fft - self.hop) // 2
        first = -(-over // self.hop)
        least = first * self.hop - over + self.samples
        if there < least:
            raise too_short(there, least)
        valid = max(least, min(there, int(example.get("length", there))))
        start = first + int(rng.integers((valid - least) // self.hop + 1))
        window = slice(start * self.hop - over, start * self.hop - over + self.samples)
        voice = example["voice"][start : start + self.frames]
        return {**example, "stems": example["stems"][:, window], "voice": voice}
