"""MUSDB18-HQ (Rafii et al. 2019): 150 songs as bass, drums, other, vocals; 44.1 kHz stereo wav.

Made from the user's own download; nothing is fetched. 86 training songs, 14 validation songs (the
list that the musdb package and Spleeter share) and 50 test songs. Of a song the stems are kept, and
their sum is the mixture; mixture.wav is only compared with it, but for those of UNLIKE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zoo.audio.probing import probe
from zoo.data import pcm, plans, records
from zoo.data.source import Example, Info
from zoo.errors import BadInput

STEMS = ("drums", "bass", "other", "vocals")  # the order of the original's streams
NAMES = ("mixture", *STEMS)  # files of a song
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
SONGS = {"train": 100, "test": 50}
COUNTS = {"train": 86, "validation": 14, "test": 50}
URL = "https://zenodo.org/records/3338373"
LICENCE = "academic use only, per song"
WANTED = (
    f"download musdb18hq.zip (reported 22.7 GB) from {URL} ({LICENCE}) and unpack it, so that the "
    "folder holds train/<song>/ and test/<song>/ with mixture, drums, bass, other, vocals .wav"
)


@dataclass(frozen=True)
class Musdb18HQ:
    """The Source. path: the folder that holds train/ and test/.

    chunk_seconds: the shortest record; a `TrackCrop` reads as many as it needs.
    allow_missing: accept a part of the songs, which makes results incomparable. splits: those whose
    records are made, ("test",) where songs are only to be scored.
    """

    path: str
    sample_rate: int = RATE
    channels: int = 2
    chunk_seconds: float = 1.0
    allow_missing: bool = False
    splits: tuple[str, ...] = tuple(COUNTS)
    data_dir: str = ""

    @property
    def info(self) -> Info:
        return Info("musdb18hq", self.sample_rate, self.channels, STEMS, LICENCE, URL)

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.chunk_seconds * self.sample_rate)

    @property
    def directory(self) -> Path:
        """Where the records lie."""
        name = f"musdb18hq-{self.sample_rate}-{self.channels}ch-{self.chunk_seconds:g}s"
        name += "" if self.splits == tuple(COUNTS) else f"-{'-'.join(self.splits)}"
        return records.directory(plans.named_for(name, Path(self.path)), self.data_dir)

    def blank(self) -> Example:
        return plans.blank(self.shortest, self.channels, stems=len(STEMS))

    def prepare(self) -> None:
        """Decodes the songs to records where they are missing or the files have changed."""
        official = {} if self.allow_missing else self._counts
        if records.serve_alone(Path(self.path), self.directory, official):
            return
        from zoo.data import builder

        plan = self._plan()
        if builder.is_current(plan.about, self.directory):
            records.describe(self.directory)
        else:
            builder.build(plan, self.data_dir)

    def open(self, split: str) -> Sequence[Example]:
        return records.open_records(self.directory, split)

    @property
    def _counts(self) -> dict[str, int]:
        return {split: COUNTS[split] for split in self.splits}

    def _plan(self) -> plans.Plan:
        root = _root(Path(self.path).expanduser())
        songs = {part: _songs(root / part) for part in SONGS}
        if not self.allow_missing:
            _check_complete(root, songs)
        held_out = [song for song in songs["train"] if song.name in VALIDATION]
        learnt = [song for song in songs["train"] if song.name not in VALIDATION]
        splits = {"train": learnt, "validation": held_out, "test": songs["test"]}
        splits = {split: splits[split] for split in self.splits}
        wavs = [song / f"{name}.wav" for part in splits.values() for song in part for name in NAMES]
        absent = [str(wav.relative_to(root)) for wav in wavs if not wav.is_file()]
        if absent:
            listed = ", ".join(absent[:10])
            raise BadInput(f"{root}: {len(absent)} files are missing: {listed}; {WANTED}.")
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs={split: tuple(map(self._job, listed)) for split, listed in splits.items()},
            shortest=self.shortest,
            tolerate=0.0,
            about=plans.about(wavs, root) | {"source": plans.identity(Path(self.path))},
            threads=1,
            rule="the published splits, the usual 14 songs of training for validation",
            notes=plans.comparable(splits, self._counts),
        )

    def _job(self, song: Path) -> plans.Job:
        return plans.Job(song.name, partial(self._load, song))

    def _load(self, song: Path) -> Example:
        paths = [song / f"{stem}.wav" for stem in STEMS]
        for path in paths:
            if (rate := probe(path).rate) != RATE:
                raise BadInput(f"{path} has {rate:,} Hz, not {RATE:,}: it is not the original.")
        mixture = None if song.name in UNLIKE else song / "mixture.wav"
        stems = pcm.load_stems(paths, self.sample_rate, self.channels, mixture=mixture)
        return {"stems": stems}


def as_published(path: str) -> Musdb18HQ:
    """The test songs at 44.1 kHz in stereo: what scores of models of any rate are taken on."""
    return Musdb18HQ(path, splits=("test",))


def _root(path: Path) -> Path:
    """The folder with train/ and test/: the one given or one named musdb18hq in it."""
    for root in (path, path / "musdb18hq"):
        if (root / "train").is_dir() or (root / "test").is_dir():
            if any(root.glob("t*/*.stem.mp4")):
                raise BadInput(f"{root} holds the compressed MUSDB18, not the HQ wavs: {WANTED}.")
            return root
    raise BadInput(f"{path} holds no MUSDB18-HQ: {WANTED}.")


def _songs(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*") if p.is_dir() and not p.name.startswith("."))


def _check_complete(root: Path, songs: dict[str, list[Path]]) -> None:
    for part, expected in SONGS.items():
        if len(songs[part]) != expected:
            raise BadInput(
                f"{root / part} holds {len(songs[part])} songs, not {expected}: {WANTED}; "
                "allow_missing=True takes what is there."
            )
    names = {song.name for song in songs["train"]}
    lost = [name for name in VALIDATION if name not in names]
    if lost:
        raise BadInput(f"{root / 'train'} lacks the validation songs {', '.join(lost[:3])}.")
