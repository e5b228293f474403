"""The Million Song Dataset with Last.fm's 50 tags (Choi et al. 2016), from the user's own audio.

Only tags and identifiers were ever published: the previews that the papers used are gone. The
source stands for whoever still has them, and gives published weights their tag names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from zoo.audio import audio_files
from zoo.audio.probing import read_header
from zoo.data import completeness, pcm, plans, records
from zoo.data.sets.folder import Folder
from zoo.data.sets.prepared import first_duplicate, labelled_record, make_records, read_list
from zoo.data.source import Example, Info
from zoo.errors import BadInput

# By count, in the order of published weights (musicnn, Choi, Won).
TAGS = (
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s"),
    *("alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists"),
    *("classic rock", "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s", "chill"),
    *("instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic"),
    *("experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country"),
    *("easy listening", "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock"),
    *("60s", "rnb", "indie pop", "sad", "House", "happy"),
)
SECONDS = 29.1
_CLIPS = 241_889  # with one of these tags
_PARTS = {"train": "train", "validation": "valid", "test": "test"}
IDENTIFIER = re.compile(r"TR[A-Z]{5}[0-9A-F]{11}")
_LISTS = "github.com/keunwoochoi/MSD_split_for_tagging"
_WANTED = (
    f"lists is the clone of {_LISTS}, with train_x_msd_id.txt and train_y.npy, and the same of "
    "valid and test; path a folder of audio, files named by identifiers as TRAAAAW128F429D538.mp3"
)


@dataclass(frozen=True)
class MillionSong:
    """The Source. path: a folder of audio; with tags.csv, whose header is `file` and the 50 tags.

    lists: a folder of published identifiers and tags; then the splits are those of the papers, and
    no CSV is needed. Without it splits are drawn by file name. allow_missing: the share of listed
    clips that need not be there.
    """

    path: str
    sample_rate: int = 16_000
    lists: str = ""
    allow_missing: float = 0.0
    data_dir: str = ""

    @property
    def info(self) -> Info:
        url = "http://millionsongdataset.com/lastfm/"
        return Info("million-song-lastfm", self.sample_rate, 1, TAGS, "the user's own audio", url)

    def blank(self) -> Example:
        return plans.blank_record(int(SECONDS * self.sample_rate), 1, tags=len(TAGS))

    @property
    def directory(self) -> Path:
        """Where the records lie."""
        if not self.lists:
            return self._folder.directory
        name = f"{self.info.name}-{self.sample_rate}-published"
        return records.directory(plans.named_for(name, self._root), self.data_dir)

    def prepare(self) -> None:
        """By the published lists; or as `Folder` does, and says that its splits are not theirs."""
        if self.lists:
            self._prepare_listed()
            return
        folder = self._folder
        folder.prepare()
        tracks = sum(records.metadata(folder.directory).get("tracks", {}).values())
        print(
            f"{self.info.name}: {tracks:,} clips of {_CLIPS:,}, not in the published splits: "
            "results are not comparable",
            file=sys.stderr,
        )

    def open(self, split: str) -> Sequence[Example]:
        if self.lists:
            return records.open_records(self.directory, split)
        return self._folder.open(split)

    @property
    def _root(self) -> Path:
        return Path(self.path).expanduser()

    @property
    def _folder(self) -> Folder:
        labels = f"{self.path}/tags.csv"
        folder = Folder(
            self.path,
            self.sample_rate,
            labels=labels,
            chunk_seconds=SECONDS,
            data_dir=self.data_dir,
        )
        if folder.info.labels != TAGS:
            raise BadInput(f"{labels} has other tags: its header must be 'file,{TAGS[0]},...' (50)")
        return folder

    def _prepare_listed(self) -> None:
        if records.serve_alone(self._root, self.directory, self.allow_missing):
            return
        if not self._root.is_dir():
            raise BadInput(f"{self._root}: no such folder; {_WANTED}.")
        where = (self._root, self.directory, self.data_dir)
        make_records(self._plan(), *where, self.allow_missing, _WANTED)

    def _plan(self) -> plans.Plan:
        lists = {
            split: _read_lists(Path(self.lists).expanduser(), _PARTS[split]) for split in _PARTS
        }
        found = ((IDENTIFIER.match(file.name), file) for file in audio_files.audio_in(self._root))
        files = {named[0]: file for named, file in found if named}
        listed = [name for tags in lists.values() for name in tags]
        if twice := first_duplicate(listed):
            raise BadInput(f"{self.lists} lists {twice} twice: {_WANTED}.")
        missing = [name for name in listed if name not in files]
        there = [name for name in listed if name in files]
        jobs = {
            split: tuple(
                plans.Job(name, partial(self._load, files[name], row))
                for name, row in tags.items()
                if name in files
            )
            for split, tags in lists.items()
        }
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs=jobs,
            shortest=0,
            tolerate=0.001,
            about=plans.files_fingerprint(
                (files[name] for name in listed if name in files), self._root
            )
            | {"allow_missing": self.allow_missing},
            skipped=tuple((name, "missing") for name in missing),
            rule="the published lists, without clips below 29.1 s",
            listed=completeness.take_inventory(
                {"the lists": there}, {"the lists": _CLIPS}, missing, "clips"
            ),
        )

    def _load(self, file: Path, tags: np.ndarray) -> Example:
        seconds = read_header(file).seconds
        if seconds < SECONDS:
            raise plans.LeftOut(f"{file} lasts {seconds:.2f} s, the protocol wants {SECONDS} s.")
        return labelled_record(pcm.load_audio(file, self.sample_rate, 1, allow_silent=True), tags)


def _read_lists(folder: Path, part: str) -> dict[str, np.ndarray]:
    """Identifier -> tags [50] uint8, of the published lists of one part. raises BadInput."""
    names = read_list(folder / f"{part}_x_msd_id.txt", _WANTED)
    path = folder / f"{part}_y.npy"
    if not path.is_file():
        raise BadInput(f"{path} is not there: {_WANTED}.")
    try:
        rows = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadInput(f"{path} cannot be read ({error}): {_WANTED}.") from error
    if rows.shape != (len(names), len(TAGS)) or not np.isin(rows, (0, 1)).all():
        raise BadInput(
            f"{path} holds {list(rows.shape)}, not 0 and 1 of {len(names)} clips and 50 tags."
        )
    if odd := next((name for name in names if not IDENTIFIER.fullmatch(name.strip())), ""):
        raise BadInput(f"{part}_x_msd_id.txt: '{odd[:40]}' is no identifier: {_WANTED}.")
    return {name.strip(): row.astype(np.uint8) for name, row in zip(names, rows)}
