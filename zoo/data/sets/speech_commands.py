"""Speech Commands (Warden 2018): words of a second by many speakers, and SC09, its ten digits.

Made from the user's own download; nothing is fetched. Two versions are in use (0.01 with 30 words,
0.02 with 35) and must never be mixed. Splits are the published lists, validation_list.txt and
testing_list.txt, which keep a speaker in one; the noises of _background_noise_ are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from zoo.audio import audio_files
from zoo.data import pcm, plans, records
from zoo.data.source import Example, Info
from zoo.errors import BadInput

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CORE = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
OTHERS = ("bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "tree", "wow")
LATER = ("backward", "follow", "forward", "learn", "visual")  # in version 0.02
SUBSETS = {
    "digits": DIGITS,
    "core": CORE,
    "v1": tuple(sorted((*DIGITS, *CORE, *OTHERS))),
    "v2": tuple(sorted((*DIGITS, *CORE, *OTHERS, *LATER))),
}
# Utterances in training: of the digits in versions 0.01 and 0.02, of all 35 words in 0.02.
TRAINED = {"digits": (18_620, 31_158), "v2": (84_843,)}
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
URL = "https://arxiv.org/abs/1804.03209"
WANTED = (
    "download speech_commands_v0.01.tar.gz or v0.02 (CC BY 4.0, about 2 GB) and give the folder "
    "it unpacks to, with a folder per word, validation_list.txt and testing_list.txt"
)


@dataclass(frozen=True)
class SpeechCommands:
    """The Source. path: the unpacked folder. Tags are one of K, the word.

    subset: 'digits' (SC09), 'core' (the ten commands), 'v1' or 'v2' (all words of a version).
    chunk_seconds: shorter words are filled up with zeros to it; the longest last one second.
    """

    path: str
    subset: str = "digits"
    sample_rate: int = 16_000
    chunk_seconds: float = 1.0
    data_dir: str = ""

    def __post_init__(self) -> None:
        if self.subset not in SUBSETS:
            raise BadInput(f"subset={self.subset}: choose {', '.join(SUBSETS)}.")

    @property
    def info(self) -> Info:
        name = f"speech-commands-{self.subset}"
        return Info(name, self.sample_rate, 1, SUBSETS[self.subset], "CC BY 4.0", URL)

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.chunk_seconds * self.sample_rate)

    @property
    def directory(self) -> Path:
        """Where the records lie."""
        name = f"{self.info.name}-{self.sample_rate}-{self.chunk_seconds:g}s"
        return records.directory(plans.named_for(name, self._root), self.data_dir)

    def blank(self) -> Example:
        return plans.blank(self.shortest, 1, tags=len(self.info.labels))

    def prepare(self) -> None:
        """Decodes the words of the subset to records where they are missing."""
        if records.serve_alone(self._root, self.directory):
            return
        if not self._root.is_dir():
            raise BadInput(f"{self._root}: no such folder; {WANTED}.")
        from zoo.data import builder

        files = self._files()
        about = plans.about([*files, *self._lists().values()], self._root)
        if builder.is_current(about, self.directory):
            records.describe(self.directory)
        else:
            builder.build(self._plan(files, about), self.data_dir)

    def open(self, split: str) -> Sequence[Example]:
        return records.open_records(self.directory, split)

    @property
    def _root(self) -> Path:
        return Path(self.path).expanduser()

    def _lists(self) -> dict[str, Path]:
        lists = {split: self._root / name for split, name in LISTS.items()}
        absent = [path.name for path in lists.values() if not path.is_file()]
        if absent:
            raise BadInput(f"{self._root} has no {' and no '.join(absent)}: {WANTED}.")
        return lists

    def _files(self) -> list[Path]:
        folders = {word: self._root / word for word in SUBSETS[self.subset]}
        absent = [word for word, folder in folders.items() if not folder.is_dir()]
        if absent:
            raise BadInput(f"{self._root} has no folder {', '.join(absent[:5])}: {WANTED}.")
        return [file for folder in folders.values() for file in audio_files.audio_in(folder)]

    def _plan(self, files: Sequence[Path], about: dict[str, object]) -> plans.Plan:
        held = {
            name.strip(): split
            for split, path in self._lists().items()
            for name in path.read_text().splitlines()
        }
        jobs: dict[str, list[plans.Job]] = {split: [] for split in records.SPLITS}
        for file in files:
            name = file.relative_to(self._root).as_posix()
            jobs[held.get(name, "train")].append(plans.Job(name, partial(self._load, file)))
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs={split: tuple(listed) for split, listed in jobs.items()},
            shortest=self.shortest,
            tolerate=0.001,
            about=about,
            rule="the published lists",
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
