"""TIMIT's 462 training speakers (Garofolo et al. 1993, LDC93S1), as a speaker-recognition task.

Made from the reader's own, paid-for copy; nothing is fetched. As Ravanelli and Bengio (2018): the
five phonetically compact sentences (SX) of a speaker are learnt, 2,310 in all, and the three
diverse ones (SI) tested, 1,386; the two that all speak (SA) are left out. As their preparation
does, silence before the first word and after the last is cut off; that it also scales every
sentence, SincNet's first norm would undo. The authors watched the test sentences while they
trained, so 'validation' and 'test' are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.audio import audio_files
from zoo.audio.probing import read_header
from zoo.data import completeness, pcm, plans, records
from zoo.data.sets.prepared import Prepared
from zoo.data.source import Example, Info
from zoo.errors import BadInput

SPEAKERS = 462
_SENTENCES = {"train": "sx", "test": "si"}  # first letters of the files
_COUNTS = (SPEAKERS, 2310, 1386)
_WANTED = "give TIMIT's TRAIN folder (LDC93S1), with files like DR1/FCJF0/SX127.WAV"


@dataclass(frozen=True)
class Timit(Prepared):
    """The Source. path: the TRAIN folder or what holds it; a speaker is the folder of a file.

    Tags are one of K, the speaker. Sentences shorter than `least` seconds are refused. trim: cut
    by the word times (.WRD) beside every sentence; False keeps it whole. allow_missing: the share
    of sentences that need not be there.
    """

    path: str
    sample_rate: int = 16_000
    least: float = 0.25
    trim: bool = True
    allow_missing: float = 0.0
    data_dir: str = ""

    wanted: ClassVar[str] = _WANTED

    @property
    def info(self) -> Info:
        """The names of the speakers there, or, without the folder, 462 numbers."""
        url = "https://catalog.ldc.upenn.edu/LDC93S1"
        return Info("timit-speakers", self.sample_rate, 1, self.speakers, "LDC", url)

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        if not self._root.is_dir():
            return tuple(f"speaker {i + 1}" for i in range(SPEAKERS))
        files = audio_files.audio_in(self._root)
        return tuple(sorted({file.parent.name for file in files if file.parent != self._root}))

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.least * self.sample_rate)

    @property
    def record_name(self) -> str:
        return f"timit-speakers-{self.sample_rate}"

    def blank(self) -> Example:
        return plans.blank_record(self.shortest, 1, tags=len(self.speakers))

    def open(self, split: str) -> Sequence[Example]:
        return records.open_records(self.directory, "test" if split == "validation" else split)

    @cached_property
    def _root(self) -> Path:
        path = Path(self.path).expanduser()
        below = (path / name for name in ("TRAIN", "train"))
        return next((folder for folder in below if folder.is_dir()), path)

    def plan(self) -> plans.Plan:
        files = audio_files.audio_in(self._root)
        about = plans.files_fingerprint(files, self._root) | {
            "trim": self.trim,
            "least": self.least,
        }
        about["source"] = plans.data_identity(Path(self.path))
        jobs = {split: self._jobs(files, kind) for split, kind in _SENTENCES.items()}
        if not all(jobs.values()):
            raise BadInput(f"{self._root} has no SX or no SI sentences: {_WANTED}.")
        official = dict(zip(_SENTENCES, _COUNTS[1:]))
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs=jobs,
            shortest=0,
            tolerate=0.0,
            about=about,
            rule="SX sentences are training, SI sentences validation and test",
            listed=completeness.take_inventory(jobs, official, unit="sentences"),
            notes=plans.comparable(jobs, official),
        )

    def _jobs(self, files: list[Path], kind: str) -> tuple[plans.Job, ...]:
        chosen = (f for f in files if f.name.lower().startswith(kind) and f.parent != self._root)
        # Some copies hold every sentence twice, as SX127.WAV and as SX127.WAV.wav.
        twins: dict[tuple[Path, str], list[Path]] = {}
        for file in sorted(chosen):
            twins.setdefault((file.parent, _sentence(file)), []).append(file)
        named = ((f[0].relative_to(self._root).as_posix(), f) for f in sorted(twins.values()))
        return tuple(plans.Job(name, partial(self._load_one, files)) for name, files in named)

    def _load_one(self, twins: list[Path]) -> Example:
        """The first of the copies of a sentence that is whole and not silent."""
        refused: list[BadInput] = []
        for file in twins:
            try:
                example = self._load(file)
            except BadInput as error:
                refused.append(error)
                continue
            if example["audio"].any() or file == twins[-1]:
                return example
        raise refused[0]

    def _load(self, file: Path) -> Example:
        read = pcm.load_audio(file, self.sample_rate, 1, self.least, allow_silent=True)
        audio = np.asarray(read)
        if self.trim:
            begin, end = (round(t * self.sample_rate) for t in _spoken(file))
            audio = audio[begin:end]
            if len(audio) < self.shortest:
                raise BadInput(f"{file}: its words last less than {self.least} s.")
        tags = np.array([name == file.parent.name for name in self.speakers], np.uint8)
        return {"audio": audio, "tags": tags, "known": np.ones_like(tags)}


def _sentence(file: Path) -> str:
    """'sx127' of SX127.WAV."""
    return file.name.split(".")[0].lower()


def _spoken(file: Path) -> tuple[float, float]:
    """When the first word of a sentence begins and the last one ends, in seconds, by its .WRD."""
    names = (file.with_name(file.name.split(".")[0] + suffix) for suffix in (".WRD", ".wrd"))
    words = next((name for name in names if name.is_file()), None)
    if words is None:
        raise BadInput(f"{file} has no word times (.WRD) beside it; trim=False does without.")
    try:
        rows = [line.split() for line in words.read_text().splitlines() if line.strip()]
        begin, end = int(rows[0][0]), int(rows[-1][1])
    except (ValueError, IndexError) as error:
        raise BadInput(f"{words} holds no lines of begin, end, word; copy it again.") from error
    rate = read_header(file).rate
    return begin / rate, end / rate
