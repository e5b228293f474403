"""The Million Song Dataset with Last.fm's 50 tags (Choi et al. 2016), from the user's own audio.

Only tags and identifiers were ever published: the previews that the papers used are gone. The
source stands for whoever still has them, and gives published weights their tag names.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.data import plans, records
from zoo.data.sets.folder import Folder
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
CLIPS = 241_889  # with one of these tags


@dataclass(frozen=True)
class MillionSong:
    """The Source. path: a folder of audio with tags.csv, whose header is `file` and the 50 tags.

    Splits are drawn by file name, not the published ones, which go by identifiers.
    """

    path: str
    sample_rate: int = 16_000
    data_dir: str = ""

    @property
    def info(self) -> Info:
        url = "http://millionsongdataset.com/lastfm/"
        return Info("million-song-lastfm", self.sample_rate, 1, TAGS, "the user's own audio", url)

    def blank(self) -> Example:
        return plans.blank(int(SECONDS * self.sample_rate), 1, tags=len(TAGS))

    @property
    def directory(self) -> Path:
        """Where the records lie."""
        return self._folder.directory

    def prepare(self) -> None:
        """As `Folder` does, and says that its splits are not those of the papers."""
        folder = self._folder
        folder.prepare()
        tracks = sum(records.metadata(folder.directory).get("tracks", {}).values())
        print(
            f"{self.info.name}: {tracks:,} clips of {CLIPS:,}, not in the published splits: "
            "results are not comparable",
            file=sys.stderr,
        )

    def open(self, split: str) -> Sequence[Example]:
        return self._folder.open(split)

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
