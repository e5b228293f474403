"""MUSDB18-HQ (Rafii et al. 2019): 150 songs as bass, drums, other, vocals; 44.1 kHz stereo wav.

Made from the user's own download; nothing is fetched. 86 training songs, 14 validation songs (the
list that the musdb package and Spleeter share) and 50 test songs. Of a song the stems are kept, and
their sum is the mixture; mixture.wav is only compared with it, but for those of UNLIKE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from zoo.data.sets.stem_songs import StemSong, StemSongs, visible_folders
from zoo.data.source import Info
from zoo.errors import BadInput

STEMS = ("drums", "bass", "other", "vocals")  # the order of the original's streams
_NAMES = ("mixture", *STEMS)  # files of a song
RATE = 44_100
VALIDATION = (
    "ANiMAL - Rockshow",
    "Actions - One Minute Smile",
    "Alexander Ross - Goodbye Bolero",
    "Clara Berry And Wooldog - Waltz For My Victims",
    "Fergessen - Nos Palpitants",
    "James May - On The Line",
    "Johnny Lokke - Promises & Lies",
    "Leaf - Summerghost",
    "Meaxic - Take A Step",
    "Patrick Talbot - A Reason To Leave",
    "Skelpolu - Human Mistakes",
    "Traffic Experiment - Sirens",
    "Triviul - Angelsaint",
    "Young Griffo - Pennies",
)
# In the data set as published, the left channel of these is not the sum of the stems (its errata:
# sigsep/website, pull request 27).
UNLIKE = ("PR - Oh No",)
COUNTS = {"train": 86, "validation": 14, "test": 50}
_URL = "https://zenodo.org/records/3338373"
LICENCE = "academic use only, per song"
_WANTED = (
    f"download musdb18hq.zip (reported 22.7 GB) from {_URL} ({LICENCE}) and unpack it, so that the "
    "folder holds train/<song>/ and test/<song>/ with mixture, drums, bass, other, vocals .wav"
)


@dataclass(frozen=True)
class Musdb18HQ(StemSongs):
    """The Source. path: the folder that holds train/ and test/. See `StemSongs`.

    splits: those whose records are made, ("test",) where songs are only to be scored.
    """

    path: str
    sample_rate: int = RATE
    channels: int = 2
    chunk_seconds: float = 1.0
    allow_missing: float = 0.0
    splits: tuple[str, ...] = tuple(COUNTS)
    data_dir: str = ""

    counts: ClassVar = COUNTS
    rule: ClassVar[str] = "the published splits, the usual 14 songs of training for validation"
    wanted: ClassVar[str] = _WANTED

    @property
    def info(self) -> Info:
        return Info("musdb18hq", self.sample_rate, self.channels, STEMS, LICENCE, _URL)

    @property
    def record_name(self) -> str:
        whole = self.splits == tuple(COUNTS)
        return super().record_name + ("" if whole else f"-{'-'.join(self.splits)}")

    def published(self) -> Mapping[str, int]:
        return {split: COUNTS[split] for split in self.splits}

    def songs(self) -> dict[str, dict[str, StemSong]]:
        root = _root(self.root)
        learnt = {song.name: self._song(song) for song in visible_folders(root / "train")}
        held_out = {name: learnt.pop(name) for name in VALIDATION if name in learnt}
        test = {song.name: self._song(song) for song in visible_folders(root / "test")}
        found = {"train": learnt, "validation": held_out, "test": test}
        return {split: found[split] for split in self.splits}

    def _song(self, folder: Path) -> StemSong:
        stems = [folder / f"{stem}.wav" for stem in STEMS]
        mixture = folder / "mixture.wav"
        load = partial(self.load, stems, RATE, None if folder.name in UNLIKE else mixture)
        return StemSong(load, [folder / f"{name}.wav" for name in _NAMES])


def as_published(path: str) -> Musdb18HQ:
    """The test songs at 44.1 kHz in stereo: what scores of models of any rate are taken on."""
    return Musdb18HQ(path, splits=("test",))


def _root(path: Path) -> Path:
    """The folder with train/ and test/: the one given or one named musdb18hq in it."""
    for root in (path, path / "musdb18hq"):
        if (root / "train").is_dir() or (root / "test").is_dir():
            if any(root.glob("t*/*.stem.mp4")):
                raise BadInput(f"{root} holds the compressed MUSDB18, not the HQ wavs: {_WANTED}.")
            return root
    raise BadInput(f"{path} holds no MUSDB18-HQ: {_WANTED}.")
