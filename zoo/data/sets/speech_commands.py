"""Speech Commands (Warden 2018): words of a second by many speakers, and SC09, its ten digits.

Made from the user's own download; nothing is fetched. Two versions are in use (0.01 with 30 words,
0.02 with 35) and must never be mixed. Splits are the published lists, validation_list.txt and
testing_list.txt, which keep a speaker in one; the noises of _background_noise_ are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.audio import audio_files
from zoo.data import completeness, pcm, plans, records
from zoo.data.sets.prepared import Prepared
from zoo.data.source import Example, Info
from zoo.errors import BadInput

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CORE = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
_OTHERS = ("bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "tree", "wow")
LATER = ("backward", "follow", "forward", "learn", "visual")  # in version 0.02
SUBSETS = {
    "digits": DIGITS,
    "core": CORE,
    "v1": tuple(sorted((*DIGITS, *CORE, *_OTHERS))),
    "v2": tuple(sorted((*DIGITS, *CORE, *_OTHERS, *LATER))),
}
# Utterances in training: of the digits in versions 0.01 and 0.02, of all 35 words in 0.02.
TRAINED = {"digits": (18_620, 31_158), "v2": (84_843,)}
_LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
_URL = "https://arxiv.org/abs/1804.03209"
_WANTED = (
    "download speech_commands_v0.01.tar.gz or v0.02 (CC BY 4.0, about 2 GB) and give the folder "
    "it unpacks to, with a folder per word, validation_list.txt and testing_list.txt"
)


@dataclass(frozen=True)
class SpeechCommands(Prepared):
    """The Source. path: the unpacked folder. Tags are one of K, the word.

    subset: 'digits' (SC09), 'core' (the ten commands), 'v1' or 'v2' (all words of a version).
    chunk_seconds: shorter words are filled up with zeros to it; the longest last one second.
    allow_missing: the share of words that need not be there.
    """

    path: str
    subset: str = "digits"
    sample_rate: int = 16_000
    chunk_seconds: float = 1.0
    data_dir: str = ""
    allow_missing: float = 0.0

    wanted: ClassVar[str] = _WANTED

    def __post_init__(self) -> None:
        if self.subset not in SUBSETS:
            raise BadInput(f"subset={self.subset}: choose {', '.join(SUBSETS)}.")

    @property
    def info(self) -> Info:
        name = f"speech-commands-{self.subset}"
        return Info(name, self.sample_rate, 1, SUBSETS[self.subset], "CC BY 4.0", _URL)

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.chunk_seconds * self.sample_rate)

    @property
    def record_name(self) -> str:
        return f"{self.info.name}-{self.sample_rate}-{self.chunk_seconds:g}s"

    def blank(self) -> Example:
        return plans.blank_record(self.shortest, 1, tags=len(self.info.labels))

    def _lists(self) -> dict[str, Path]:
        lists = {split: self.root / name for split, name in _LISTS.items()}
        absent = [path.name for path in lists.values() if not path.is_file()]
        if absent:
            raise BadInput(f"{self.root} has no {' and no '.join(absent)}: {_WANTED}.")
        return lists

    def _files(self) -> list[Path]:
        folders = {word: self.root / word for word in SUBSETS[self.subset]}
        absent = [word for word, folder in folders.items() if not folder.is_dir()]
        if absent:
            raise BadInput(f"{self.root} has no folder {', '.join(absent[:5])}: {_WANTED}.")
        return [file for folder in folders.values() for file in audio_files.audio_in(folder)]

    def plan(self) -> plans.Plan:
        files = self._files()
        about = plans.files_fingerprint([*files, *self._lists().values()], self.root)
        held = {
            name.strip(): split
            for split, path in self._lists().items()
            for name in path.read_text().splitlines()
            if name.split("/")[0] in self.info.labels
        }
        jobs: dict[str, list[plans.Job]] = {split: [] for split in records.SPLITS}
        for file in files:
            name = file.relative_to(self.root).as_posix()
            jobs[held.get(name, "train")].append(plans.Job(name, partial(self._load, file)))
        known = {job.track for listed in jobs.values() for job in listed}
        missing = [name for name in held if name not in known]
        trained = [n for n in TRAINED.get(self.subset, ()) if n >= len(jobs["train"])]
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs={split: tuple(listed) for split, listed in jobs.items()},
            shortest=self.shortest,
            tolerate=0.001,
            about=about,
            rule="the published lists",
            listed=completeness.take_inventory(jobs, {"train": min(trained, default=0)}, missing),
            notes=self._notes(len(jobs["train"])),
        )

    def _notes(self, count: int) -> tuple[str, ...]:
        known = TRAINED.get(self.subset, ())
        if not known or count in known:
            return ()
        listed = " or ".join(f"{number:,}" for number in known)
        return (f"train has {count:,} utterances, not {listed}: results are not comparable",)

    def _load(self, file: Path) -> Example:
        audio = pcm.load_audio(file, self.sample_rate, 1, allow_silent=True)
        tags = np.array([word == file.parent.name for word in self.info.labels], np.uint8)
        return {"audio": audio, "tags": tags, "known": np.ones_like(tags)}
