"""Free Spoken Digits: 3,000 English digits at 8 kHz, 50 of each by six speakers (CC BY-SA 4.0).

Made from the user's own copy of the repository; nothing is fetched. The official split takes
recordings 0 to 4 of each digit and speaker for the test and the rest to train; it has no
validation, for which 5 to 9 are taken here. All speakers are in all of its parts, which makes it
easy: `Folded(source, fold, 6, group=1)` leaves one speaker out, since a track is SPEAKER/FILE.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.audio import audio_files
from zoo.data import completeness, pcm, plans
from zoo.data.sets.prepared import Prepared, labelled_record, one_of
from zoo.data.source import Example, Info
from zoo.errors import BadInput

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)\.wav")
_HELD = {"test": range(0, 5), "validation": range(5, 10)}  # numbers of recordings
_COUNTS = {"train": 2_400, "validation": 300, "test": 300}
_URL = "https://github.com/Jakobovski/free-spoken-digit-dataset"


@dataclass(frozen=True)
class FreeSpokenDigits(Prepared):
    """The Source. path: the clone, or its folder `recordings`. Tags are one of K, the digit.

    seconds: of the shortest record; what is shorter, most of it, is repeated up to that length
    (Pons and Serra's "repeat-pad"), so that statistics over time are the word's own; with
    repeat=False zeros follow it.
    """

    path: str
    sample_rate: int = 8_000
    seconds: float = 1.0
    data_dir: str = ""
    repeat: bool = True
    allow_missing: float = 0.0

    wanted: ClassVar[str] = (
        f"clone {_URL} (21 MB, CC BY-SA 4.0) and give its folder recordings, with files like "
        "7_jackson_32.wav"
    )

    @property
    def info(self) -> Info:
        return Info("free-spoken-digits", self.sample_rate, 1, DIGITS, "CC BY-SA 4.0", _URL)

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.seconds * self.sample_rate)

    @property
    def record_name(self) -> str:
        name = f"{self.info.name}-{self.sample_rate}-{self.seconds:g}s"
        return name if self.repeat else f"{name}-zeros"

    def blank(self) -> Example:
        return plans.blank_record(self.shortest, 1, tags=len(DIGITS))

    def plan(self) -> plans.Plan:
        below = self.root / "recordings"
        folder = below if below.is_dir() else self.root
        files = audio_files.audio_in(folder)
        jobs: dict[str, list[plans.Job]] = {split: [] for split in _COUNTS}
        for file in files:
            named = _NAME.fullmatch(file.name)
            if named is None:
                raise BadInput(f"{file} is named otherwise than 7_jackson_32.wav: {self.wanted}.")
            digit, speaker, number = named.groups()
            split = next((s for s, held in _HELD.items() if int(number) in held), "train")
            load = partial(self._load, file, one_of(DIGITS, DIGITS[int(digit)]))
            jobs[split].append(plans.Job(f"{speaker}/{file.stem}", load))
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs={split: tuple(listed) for split, listed in jobs.items()},
            shortest=self.shortest,
            tolerate=0.0,
            about=plans.files_fingerprint(files, self.root),
            rule="recordings 0 to 4 are the test, 5 to 9 validation",
            listed=completeness.take_inventory(jobs, _COUNTS),
            notes=plans.comparable(jobs, _COUNTS),
        )

    def _load(self, file: Path, tags: np.ndarray) -> Example:
        audio = np.asarray(pcm.load_audio(file, self.sample_rate, 1))
        if not self.repeat:
            return labelled_record(
                np.pad(audio, ((0, max(self.shortest - len(audio), 0)), (0, 0))), tags
            )
        times = -(-self.shortest // len(audio))
        return labelled_record(np.tile(audio, (times, 1))[: max(self.shortest, len(audio))], tags)
