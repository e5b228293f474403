"""MTG-Jamendo (Bogdanov et al., ICML 2019 workshop): 55,525 whole tracks with up to 183 tags.

Made from the user's own download; nothing is fetched. Five subsets of tags and five splits, by the
published lists, which keep an artist in one. Tracks last minutes and are 508 GB of mp3, so they
stay where they are: `prepare` looks at every header once, and a crop decodes what it takes.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo import durable, machine
from zoo.audio.silently import silently
from zoo.data import completeness, plans, records
from zoo.data.file_audio import FileAudio
from zoo.data.sets.prepared import first_duplicate, labelled_record
from zoo.data.source import Example, Info, RandomAccess
from zoo.errors import BadInput

_FILES = {  # names of the lists, and how many tags are in them
    "all": ("autotagging", 183),
    "top50": ("autotagging_top50tags", 50),
    "genre": ("autotagging_genre", 87),
    "instrument": ("autotagging_instrument", 40),
    "moodtheme": ("autotagging_moodtheme", 56),
}
_COUNTS = {("top50", 0): {"train": 32_136, "validation": 10_888, "test": 11_356}}
_SHORTEST = 30.0  # seconds of the shortest track
_SLACK = 1.0  # seconds by which a header may differ from the list
FAULTY = 0.001  # share of tracks that may be damaged
_URL = "https://github.com/MTG/mtg-jamendo-dataset"
_WANTED = (
    f"download raw_30s audio (508 GB) or audio-low (156 GB) as {_URL} says (audio: Creative "
    "Commons licence of each track; metadata: CC BY-NC-SA 4.0), with folders 00 to 99, and put the "
    "folder data/splits of that repository beside them or say lists=FOLDER"
)


@dataclass(frozen=True)
class MtgJamendo:
    """The Source. path: the folder of 00 to 99. lists: that of split-0 to split-4.

    subset: which tags, and the tracks that have one of them. allow_missing: the share of tracks
    that need not be there. Records are whole tracks, whose audio is read as far as it is asked for.
    """

    path: str
    subset: Literal["all", "top50", "genre", "instrument", "moodtheme"] = "top50"
    split: int = 0
    sample_rate: int = 16_000
    lists: str = ""
    allow_missing: float = 0.0
    data_dir: str = ""

    def __post_init__(self) -> None:
        if self.subset not in _FILES or self.split not in range(5):
            choice = f"subset={self.subset} split={self.split}"
            raise BadInput(f"{choice}: choose {', '.join(_FILES)}, and 0 to 4.")

    @property
    def info(self) -> Info:
        """Names of the tags, in alphabetical order, or numbers where the lists are not there."""
        name = f"mtg-jamendo-{self.subset}-{self.split}"
        return Info(name, self.sample_rate, 1, self.labels, "Creative Commons, of each track", _URL)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        if not self._list("train").is_file():
            return tuple(f"tag {number + 1}" for number in range(_FILES[self.subset][1]))
        return tuple(sorted({tag for row in self._all_rows for tag in row.tags}))

    @property
    def directory(self) -> Path:
        """Where the index of tracks lies."""
        name = plans.named_for(f"{self.info.name}-{self.sample_rate}", self._root)
        return records.directory(name, self.data_dir)

    def blank(self) -> Example:
        return plans.blank_record(int(_SHORTEST * self.sample_rate), 1, tags=len(self.labels))

    def prepare(self) -> None:
        """Looks at the headers of all tracks, where that was not done or the lists have changed."""
        if not self._root.is_dir():
            raise BadInput(f"{self._root}: no such folder; {_WANTED}.")
        if self._index() is None:
            self._examine()
        missing = self._missing()
        notes = completeness.check_completeness(
            self._root, self._listed(missing), self.allow_missing, _WANTED
        )
        counts = {split: len(rows) for split, rows in self._tracks().items()}
        official = _COUNTS.get((self.subset, self.split), counts)
        counted = ", ".join(f"{split} {count:,}" for split, count in counts.items())
        print(f"{self.info.name}: tracks {counted}, by the published lists", file=sys.stderr)
        if counts != official:
            wanted = ", ".join(f"{count:,}" for count in official.values())
            print(f"warning: not {wanted}: results are not comparable", file=sys.stderr)
        for note in notes:
            print(f"warning: {note}", file=sys.stderr)

    def _listed(self, missing: Sequence[str]) -> completeness.Listed:
        there = {"": [row for row in self._all_rows if row.path not in set(missing)]}
        return completeness.take_inventory(there, {}, missing, "tracks")

    def open(self, split: str) -> Sequence[Example]:
        tracks = self._tracks()
        if split not in tracks:
            raise BadInput(f"no split '{split}': it is {', '.join(tracks)}.")
        return _WholeTracks(self._root, self.sample_rate, self.labels, tuple(tracks[split]))

    @property
    def _root(self) -> Path:
        return Path(self.path).expanduser()

    def _list(self, split: str) -> Path:
        lists = Path(self.lists).expanduser() if self.lists else self._root / "splits"
        return lists / f"split-{self.split}" / f"{_FILES[self.subset][0]}-{split}.tsv"

    @cached_property
    def _rows(self) -> dict[str, list[_Row]]:
        return {split: _read_list(self._list(split)) for split in records.SPLITS}

    @property
    def _all_rows(self) -> list[_Row]:
        return [row for rows in self._rows.values() for row in rows]

    @property
    def _about(self) -> dict[str, Any]:
        files = [self._list(split) for split in records.SPLITS]
        return {
            **plans.files_fingerprint(files, files[0].parent),
            "source": plans.data_identity(self._root),
        }

    def _examine(self) -> None:
        """Writes index.json: {track: [file, samples]} and what is missing, and rejects.txt."""
        found_files = ((row, _file_of(self._root, row.path)) for row in self._all_rows)
        files = {row: file for row, file in found_files if file is not None}
        missing = [row.path for row in self._all_rows if row not in files]
        completeness.check_completeness(
            self._root, self._listed(missing), self.allow_missing, _WANTED
        )
        there = list(files)
        with ThreadPoolExecutor(min(8, machine.cores())) as pool:
            found = list(pool.map(lambda row: self._samples(files[row], row), there))
        faults = [reason for reason in found if isinstance(reason, str)]
        if len(faults) > FAULTY * len(there):
            listed = "; ".join(faults[:3])
            raise BadInput(f"{self.info.name}: {len(faults)} of {len(there)} tracks: {listed}")
        used = {
            row.track: [files[row].relative_to(self._root).as_posix(), samples]
            for row, samples in zip(there, found)
            if isinstance(samples, int)
        }
        self.directory.mkdir(parents=True, exist_ok=True)
        rejects = [f"{path}: missing" for path in missing] + faults
        durable.write_atomically(
            self.directory / "rejects.txt", "".join(f"{line}\n" for line in rejects)
        )
        found_there = {"about": self._about, "tracks": used, "missing": missing}
        durable.write_json(self.directory / "index.json", found_there)

    def _samples(self, file: Path, row: _Row) -> int | str:
        """Samples of a track at our rate, or what is wrong with its file."""
        import soundfile

        try:
            header: Any = silently(soundfile.info, str(file))
        except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
            return f"{file} cannot be read ({' '.join(str(error).split())})"
        if header.duration < row.seconds - _SLACK:
            return f"{file} lasts {header.duration:.1f} s, the list says {row.seconds:.1f} s"
        return int(header.frames * self.sample_rate / header.samplerate)

    def _index(self) -> dict[str, tuple[str, int]] | None:
        """What `_examine` found, where it is of these lists and of the files that are there."""
        try:
            stored = json.loads((self.directory / "index.json").read_text())
            tracks = {name: (str(f), int(n)) for name, (f, n) in stored["tracks"].items()}
            came = any(_file_of(self._root, str(path)) for path in stored["missing"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return tracks if stored["about"] == self._about and not came else None

    def _missing(self) -> list[str]:
        """Listed paths that were not there when the tracks were examined."""
        return list(json.loads((self.directory / "index.json").read_text())["missing"])

    def _tracks(self) -> dict[str, list[tuple[_Row, str, int]]]:
        index = self._index()
        if index is None:
            raise BadInput(f"{self.info.name}: prepare the data set first.")
        return {
            split: [(row, *index[row.track]) for row in rows if row.track in index]
            for split, rows in self._rows.items()
        }


@dataclass(frozen=True)
class _Row:
    """A line of a published list."""

    track: str
    artist: str
    path: str
    seconds: float
    tags: tuple[str, ...]


@dataclass(frozen=True)
class _WholeTracks(RandomAccess):
    """Tracks whose audio is decoded where it is sliced."""

    root: Path
    sample_rate: int
    labels: tuple[str, ...]
    tracks: tuple[tuple[_Row, str, int], ...]

    def __len__(self) -> int:
        return len(self.tracks)

    def record(self, index: int) -> Example:
        row, file, samples = self.tracks[index]
        audio = FileAudio(self.root / file, self.sample_rate, samples)
        tags = np.array([label in row.tags for label in self.labels], np.uint8)
        place: Mapping[str, Any] = {"track": row.track, "chunk": 0, "chunks": 1, "length": samples}
        return {**place, **labelled_record(audio, tags)}


def _file_of(root: Path, path: str) -> Path | None:
    """The file of a listed path, 14/214.mp3, or 14/214.low.mp3 in audio-low."""
    low = path.removesuffix(".mp3") + ".low.mp3"
    return next((root / name for name in (path, low) if (root / name).is_file()), None)


def _read_list(path: Path) -> list[_Row]:
    """The tracks of a list, whose lines are as long as they have tags. raises BadInput."""
    if not path.is_file():
        raise BadInput(f"{path} is not there: {_WANTED}.")
    with open(path, newline="", encoding="utf-8") as file:
        head, *lines = list(csv.reader(file, delimiter="\t")) or [[]]
    if head[:5] != ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION"]:
        raise BadInput(f"{path} does not begin with TRACK_ID, ARTIST_ID, ...: {_WANTED}.")
    rows = []
    for number, line in enumerate(lines, 2):
        try:
            track, artist, _, name, seconds, *tags = line
            rows.append(_Row(track, artist, name, float(seconds), tuple(tags)))
        except ValueError as error:
            raise BadInput(f"{path}, line {number}, is cut off: download it again.") from error
        if not tags or ".." in name or name.startswith("/"):
            raise BadInput(f"{path}, line {number}: no tags, or no path below the folder.")
    if twice := first_duplicate(row.track for row in rows):
        raise BadInput(f"{path} names {twice} twice.")
    return rows
