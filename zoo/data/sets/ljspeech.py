"""LJSpeech 1.1 (Ito and Johnson 2017) with its text: 13,100 sentences of one reader, 24 hours.

Made from the user's own download; nothing is fetched. A line of metadata.csv is id|text|text with
numbers, units and abbreviations spelled out; a record's `text` is the latter. No split is official.
split='tails': the last 250 in order are the test, the 250 before them validation (ESPnet's;
reported, unchecked). split='lists': published lists laid beside metadata.csv, HiFi-GAN's
training.txt and validation.txt (12,950 and 150, of which the second half is the test here) or
NVIDIA's ljs_audio_text_{train,val,test}_filelist.txt (12,500, 100, 500).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.audio.probing import read_header
from zoo.data import completeness, pcm, plans
from zoo.data.sets.prepared import Prepared, first_duplicate, read_list
from zoo.data.source import Example, Info
from zoo.errors import BadInput

_RATE = 22_050
TOTAL = 13_100
TAIL = 250  # sentences of the test, and of validation
_SPLITS = ("train", "validation", "test")
_NAME = re.compile(r"LJ\d{3}-\d{4}")
_LISTS = (  # as two public repositories name them: to learn from, and what is held out
    ("training.txt", "validation.txt"),
    (
        "ljs_audio_text_train_filelist.txt",
        "ljs_audio_text_val_filelist.txt",
        "ljs_audio_text_test_filelist.txt",
    ),
)
_URL = "https://keithito.com/LJ-Speech-Dataset"


@dataclass(frozen=True)
class LJSpeech(Prepared):
    """The Source. path: the folder LJSpeech-1.1, with metadata.csv and wavs.

    split: 'tails' or 'lists'. allow_missing: the share of sentences that need not be there.
    """

    path: str
    split: str = "tails"
    allow_missing: float = 0.0
    data_dir: str = ""

    wanted: ClassVar[str] = (
        f"download LJSpeech-1.1.tar.bz2 (public domain, 2.7 GB, {_URL}) and give the folder it "
        "unpacks into, with metadata.csv and wavs"
    )

    def __post_init__(self) -> None:
        if self.split not in ("tails", "lists"):
            raise BadInput(f"split={self.split}: choose tails or lists.")

    @property
    def info(self) -> Info:
        return Info("ljspeech", _RATE, 1, (), "public domain", _URL)

    @property
    def record_name(self) -> str:
        return f"{self.info.name}-text-{self.split}"

    def blank(self) -> Example:
        return {**plans.blank_record(0, 1), "text": ""}

    def plan(self) -> plans.Plan:
        texts = self._texts()
        splits = self._tails(list(texts)) if self.split == "tails" else self._lists(texts)
        absent = [name for name in texts if not self._file(name).is_file()]
        missing = [f"wavs/{name}.wav" for name in absent]
        gone = set(absent)
        jobs = {
            split: tuple(
                plans.Job(name, partial(_load, self._file(name), texts[name]))
                for name in names
                if name not in gone
            )
            for split, names in splits.items()
        }
        files = [self._file(name) for name in texts if name not in gone]
        every = {"in all": [job for listed in jobs.values() for job in listed]}
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs=jobs,
            shortest=0,
            tolerate=0.0,
            about=plans.files_fingerprint(
                [*files, self.root / "metadata.csv", *self._listed()], self.root
            ),
            rule="the last 250 are the test" if self.split == "tails" else "the published lists",
            listed=completeness.take_inventory(every, {"in all": TOTAL}, missing),
        )

    def _file(self, name: str) -> Path:
        return self.root / "wavs" / f"{name}.wav"

    def _texts(self) -> dict[str, str]:
        """The spelled-out text of every sentence, in order."""
        path = self.root / "metadata.csv"
        found: dict[str, str] = {}
        for number, line in enumerate(read_list(path, self.wanted), 1):
            parts = line.split("|")
            if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
                raise BadInput(
                    f"{path}, line {number}: not LJ001-0001|text|text: it is not the original."
                )
            name, _, text = parts
            if not text.strip():
                raise BadInput(f"{path}, line {number}: {name} has no spelled-out text.")
            if name in found:
                raise BadInput(f"{path}, line {number}: {name} is listed twice.")
            found[name] = text.strip()
        if not found:
            raise BadInput(f"{path} is empty: {self.wanted}.")
        return found

    def _tails(self, names: Sequence[str]) -> dict[str, Sequence[str]]:
        if len(names) <= 2 * TAIL:
            raise BadInput(
                f"{self.root / 'metadata.csv'} lists {len(names)} sentences, of which {2 * TAIL} "
                "are held out: split='lists' takes lists of your own."
            )
        return {
            "train": names[: -2 * TAIL],
            "validation": names[-2 * TAIL : -TAIL],
            "test": names[-TAIL:],
        }

    def _listed(self) -> list[Path]:
        """The files of the lists that are there."""
        if self.split == "tails":
            return []
        for files in _LISTS:
            paths = [self.root / file for file in files]
            if any(path.is_file() for path in paths):
                return paths
        raise BadInput(
            f"{self.root}: no published lists: put {' and '.join(_LISTS[0])} of HiFi-GAN's "
            f"repository, or {_LISTS[1][0]} and the others of NVIDIA's Tacotron 2, beside "
            "metadata.csv, or choose split='tails'."
        )

    def _lists(self, texts: dict[str, str]) -> dict[str, Sequence[str]]:
        paths = self._listed()
        train, *held = (self._names(path, texts) for path in paths)
        if len(held) == 1:
            half = (len(held[0]) + 1) // 2
            held = [held[0][:half], held[0][half:]]
        if taken := first_duplicate([*train, *held[0], *held[1]]):
            raise BadInput(f"{self.root}: {taken} is in two of the lists: not the originals.")
        return dict(zip(_SPLITS, (train, *held)))

    def _names(self, path: Path, texts: dict[str, str]) -> list[str]:
        """Sentences of a list, whose lines begin with an id or a file called after it."""
        names = [Path(line.split("|")[0]).stem for line in read_list(path, self.wanted)]
        for number, name in enumerate(names, 1):
            if name not in texts:
                raise BadInput(f"{path}, line {number}: {name!r} is not in metadata.csv.")
        if again := first_duplicate(names):
            raise BadInput(f"{path}: {again} is listed twice.")
        return names


def _load(file: Path, text: str) -> Example:
    found = read_header(file)
    if (found.channels, found.rate) != (1, _RATE):
        raise BadInput(
            f"{file} has {found.channels} channel(s) of {found.rate:,} Hz, not one of {_RATE:,}: "
            "it is not the original."
        )
    return {"audio": np.asarray(pcm.load_audio(file, _RATE, 1)), "text": text}
