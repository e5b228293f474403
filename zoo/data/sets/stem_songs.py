"""What readers of songs as stems share: a song's files or tracks to one record of stems."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.audio import audio_files
from zoo.audio.probing import Header, read_header
from zoo.data import completeness, pcm, plans, records
from zoo.data.sets.prepared import Prepared
from zoo.data.source import Example
from zoo.errors import BadInput

_SPLITS = ("train", "validation", "test")
DRAWN = "songs drawn by a hash of their names, 8 to 1 to 1, for no split is published"


@dataclass(frozen=True)
class StemSong:
    """How a song's record is made, and of which files: a song that lacks one is missing."""

    load: Callable[[], Example]
    files: Sequence[Path]

    def absent(self) -> list[Path]:
        return [file for file in self.files if not file.is_file()]


class StemSongs(Prepared):
    """Base of a Source of whole songs, a frozen dataclass.

    chunk_seconds: the shortest record; shorter songs are filled up with zeros. allow_missing: the
    share of songs that need not be there. counts: the published songs of every split; without them,
    total: those of the set, whose splits are drawn. songs: those that are there, by split and name.
    """

    sample_rate: int
    chunk_seconds: float
    counts: ClassVar[Mapping[str, int]] = {}
    total: ClassVar[int] = 0
    rule: ClassVar[str]

    @abstractmethod
    def songs(self) -> Mapping[str, Mapping[str, StemSong]]: ...

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.chunk_seconds * self.sample_rate)

    @property
    def record_name(self) -> str:
        form = f"{self.sample_rate}-{self.info.channels}ch-{self.chunk_seconds:g}s"
        return f"{self.info.name}-{form}"

    def blank(self) -> Example:
        return plans.blank_record(self.shortest, self.info.channels, stems=len(self.info.labels))

    def published(self) -> Mapping[str, int]:
        """The songs of every split that is made."""
        return self.counts

    def plan(self) -> plans.Plan:
        songs = self.songs()
        lost = [file for part in songs.values() for song in part.values() for file in song.absent()]
        whole = {
            split: {name: song for name, song in sorted(part.items()) if not song.absent()}
            for split, part in songs.items()
        }
        jobs = {
            split: tuple(plans.Job(name, song.load) for name, song in whole[split].items())
            for split in _SPLITS
            if whole.get(split)
        }
        every = [song for part in whole.values() for song in part.values()]
        there, wanted = jobs, self.published()
        if not wanted:
            there, wanted = {"the set": tuple(chain(*jobs.values()))}, {"the set": self.total}
        missing = [str(file.relative_to(self.root)) for file in lost]
        listed = completeness.take_inventory(there, wanted, unit="songs")
        listed = replace(listed, which=completeness.first_few(missing) or listed.which)
        if not every and self.allow_missing:
            raise BadInput(f"{self.root} holds no song of {self.info.name}: {self.wanted}.")
        files = [file for song in every for file in song.files]
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs=jobs,
            shortest=self.shortest,
            tolerate=0.0,
            about=plans.files_fingerprint(files, self.root),
            threads=1,
            rule=self.rule,
            listed=listed,
            notes=plans.comparable(there, wanted),
        )

    def load(
        self,
        stems: Sequence[Path | Header],
        rate: int,
        mixture: Path | Header | None = None,
        ends: pcm.Ends = "refuse",
    ) -> Example:
        """One song's record. raises BadInput where a file has another rate than the original."""
        for stem in stems:
            check_rate(read_header(stem), rate)
        loaded = pcm.load_stems(
            stems, self.sample_rate, self.info.channels, mixture=mixture, ends=ends
        )
        return {"stems": loaded}

    def load_sides(self, file: Path, rate: int) -> Example:
        """The two channels of a file as two stems of one channel."""
        found = read_header(file)
        check_rate(found, rate)
        if found.channels != 2:
            raise BadInput(f"{file} has {found.channels} channel(s), not two: not the original.")
        both = np.asarray(pcm.load_audio(file, self.sample_rate, 2))
        return {"stems": np.ascontiguousarray(both.T[:, :, None])}


def split_by_hash(name: str) -> str:
    """The split of a song where none is published."""
    share = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
    return "train" if share < 0.8 else "validation" if share < 0.9 else "test"


def sum_stem_files(groups: Sequence[Sequence[Path]], rate: int, channels: int) -> np.ndarray:
    """Files of one song as int16 [S T C], each stem the sum of a group; one gain for all.

    A group of none is silence, and what ends early is filled up with zeros. In memory, once.
    """
    length = max(
        audio_files.resampled_length(read_header(file), rate) for group in groups for file in group
    )
    stems = np.zeros((len(groups), length, channels), np.float32)
    for stem, group in zip(stems, groups):
        for file in group:
            at = 0
            for block in audio_files.stream_audio(file, rate, channels):
                stem[at : at + len(block)] += block
                at += len(block)
    peak = float(np.abs(stems).max(initial=0.0))
    if peak < audio_files.SILENCE:
        raise BadInput(f"{next(f for g in groups for f in g).parent}: all stems are silent.")
    return records.to_int16(stems / max(peak, 1.0))


def check_rate(file: Header, rate: int) -> None:
    """raises BadInput where a file does not have the rate of its data set."""
    if file.rate != rate:
        raise BadInput(f"{file.path} has {file.rate:,} Hz, not {rate:,}: it is not the original.")


def visible_folders(place: Path) -> list[Path]:
    """The visible folders in a folder, sorted."""
    return sorted(p for p in place.glob("*") if p.is_dir() and not p.name.startswith("."))
