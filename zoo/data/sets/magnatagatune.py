"""MagnaTagATune (Law et al., ISMIR 2009): 25,863 clips of 29 s, 16 kHz mono mp3, 50 of 188 tags.

Made from the user's own download; nothing is fetched. Two rival protocols share the folders (0-b
train, c validation, d-f test) and must never be compared:
  'sample_cnn' (Lee et al. 2017): clips with a top-50 tag and 29.1 s: 15,244 / 1,529 / 4,332
  'all_clips' (Pons et al. 2018): all but three broken clips: 18,706 / 1,825 / 5,329
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from zoo.audio.probing import read_header
from zoo.data import completeness, pcm, plans, records
from zoo.data.sets.prepared import Prepared
from zoo.data.source import Example, Info
from zoo.errors import BadInput

# By count, as the published musicnn and Won weights have it. Other lists swap 'metal' with 'female
# voice' or run backwards: reorder foreign weights by name.
TAGS = (
    *("guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast"),
    *("piano", "ambient", "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male"),
    *("singing", "vocals", "no vocals", "harpsichord", "loud", "quiet", "flute", "woman"),
    *("male vocal", "no vocal", "pop", "soft", "sitar", "solo", "man", "classic", "choir"),
    *("voice", "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello"),
    *("no voice", "weird", "country", "metal", "female voice", "choral"),
)
SPLITS = {"train": "0123456789ab", "validation": "c", "test": "def"}
_BROKEN = ("35644", "55753", "57881")  # zero bytes or cut off in every copy
_SECONDS = 29.1
COUNTS = {
    "sample_cnn": {"train": 15_244, "validation": 1_529, "test": 4_332},
    "all_clips": {"train": 18_706, "validation": 1_825, "test": 5_329},
}
_URL = "https://mirg.city.ac.uk/datasets/magnatagatune/"
_LICENCE = "CC BY-NC-SA 3.0"
_WANTED = (
    "download mp3.zip.001, .002, .003 (about 3 GB in all) and annotations_final.csv from "
    f"{_URL} ({_LICENCE}), join the parts "
    "(cat mp3.zip.* > mp3.zip), unpack them beside the CSV into folders 0 to f"
)


@dataclass(frozen=True)
class MagnaTagATune(Prepared):
    """The Source. path: the folder with annotations_final.csv and the clips' folders 0 to f.

    The clips may also lie below mp3/. sample_rate: 16,000 Hz is their own; the SampleCNN paper's
    22,050 is upsampling. chunk_seconds: 0 keeps clips whole. allow_missing: the share of clips
    that need not be there.
    """

    path: str
    protocol: Literal["sample_cnn", "all_clips"] = "sample_cnn"
    sample_rate: int = 16_000
    chunk_seconds: float = 0.0
    allow_missing: float = 0.0
    data_dir: str = ""

    wanted: ClassVar[str] = _WANTED

    def __post_init__(self) -> None:
        if self.protocol not in COUNTS:
            raise BadInput(f"protocol '{self.protocol}': choose sample_cnn or all_clips.")

    @property
    def info(self) -> Info:
        name = f"magnatagatune-{self.protocol.replace('_', '-')}"
        return Info(name, self.sample_rate, 1, TAGS, _LICENCE, _URL)

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return int((self.chunk_seconds or _SECONDS) * self.sample_rate)

    @property
    def record_name(self) -> str:
        chunk = f"-{self.chunk_seconds:g}s" if self.chunk_seconds else ""
        return f"{self.info.name}-{self.sample_rate}{chunk}"

    def blank(self) -> Example:
        return plans.blank_record(self.shortest, 1, tags=len(TAGS))

    def prepare(self) -> None:
        """Decodes the clips to records where they are missing, or the annotations changed."""
        from zoo.data import builder

        if self.root.is_dir() and builder.is_current(self._about(), self.directory):
            records.print_split_notice(self.directory)
        else:
            super().prepare()

    @property
    def _annotations(self) -> Path:
        file = self.root / "annotations_final.csv"
        if not file.is_file():
            raise BadInput(f"{file} is not there: {_WANTED}.")
        return file

    def _about(self) -> dict[str, object]:
        digest = hashlib.sha256(self._annotations.read_bytes()).hexdigest()
        source = plans.data_identity(self.root)
        return {
            "source": source,
            "annotations_sha256": digest,
            "allow_missing": self.allow_missing,
        }

    def _rows(self) -> list[dict[str, str]]:
        """The annotations of the clips of this protocol that are not known to be broken."""
        with open(self._annotations, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        lacking = {"clip_id", "mp3_path", *TAGS} - set(rows[0] if rows else ())
        if lacking:
            named = ", ".join(sorted(lacking)[:5])
            raise BadInput(f"{self._annotations} lacks the columns {named}: download it again.")
        sound = [row for row in rows if row["clip_id"] not in _BROKEN]
        if self.protocol == "all_clips":
            return sound
        return [row for row in sound if any(row[tag] == "1" for tag in TAGS)]

    def plan(self) -> plans.Plan:
        about, rows = self._about(), self._rows()
        base = next((b for b in (self.root, self.root / "mp3") if (b / "0").is_dir()), None)
        if base is None:
            raise BadInput(f"{self.root} has no folders 0 to f of clips: {_WANTED}.")
        missing = [r["mp3_path"] for r in rows if not (base / r["mp3_path"]).is_file()]
        absent = set(missing)
        jobs: dict[str, list[plans.Job]] = {split: [] for split in SPLITS}
        for row in rows:
            if row["mp3_path"] not in absent:
                load = partial(self._load, base / row["mp3_path"], _tags(row))
                jobs[_split(row["mp3_path"])].append(plans.Job(row["mp3_path"], load))
        deviating = count_deviations(self.protocol, {k: len(v) for k, v in jobs.items()})
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs={split: tuple(listed) for split, listed in jobs.items()},
            shortest=self.shortest,
            tolerate=0.001,
            about=about,
            skipped=tuple((path, "missing") for path in missing),
            rule=f"the published folders, protocol {self.protocol}",
            listed=completeness.take_inventory(jobs, COUNTS[self.protocol], missing, "clips"),
            notes=(f"{deviating}: results are not comparable",) if deviating else (),
        )

    def _load(self, path: Path, tags: np.ndarray) -> Example:
        seconds = read_header(path).seconds
        if self.protocol == "sample_cnn" and seconds < _SECONDS:
            raise plans.LeftOut(f"{path} lasts {seconds:.2f} s, the protocol wants {_SECONDS} s.")
        audio = pcm.load_audio(path, self.sample_rate, 1, allow_silent=True)
        return {"audio": audio, "tags": tags, "known": np.ones_like(tags)}


def count_deviations(protocol: str, counts: dict[str, int]) -> str:
    """Where the number of clips is not the published one; '' when all agree.

    The few clips below 29.1 s, all of them in the training folders, are not known beforehand.
    """
    published = COUNTS[protocol]
    allowed = {"train": 10} if protocol == "sample_cnn" else {}
    wrong = [s for s in published if not 0 <= counts[s] - published[s] <= allowed.get(s, 0)]
    return ", ".join(f"{s} has {counts[s]:,} clips, not {published[s]:,}" for s in wrong)


def _split(mp3_path: str) -> str:
    first = mp3_path.split("/")[0]
    split = next((name for name, folders in SPLITS.items() if first in tuple(folders)), "")
    if not split:
        raise BadInput(f"annotations_final.csv: '{mp3_path}' lies in no folder 0 to f.")
    return split


def _tags(row: dict[str, str]) -> np.ndarray:
    return np.array([row[tag] == "1" for tag in TAGS], np.uint8)
