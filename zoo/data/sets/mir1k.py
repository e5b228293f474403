"""MIR-1K (Hsu and Jang 2010): 1,000 clips of karaoke, 16 kHz; accompaniment left, voice right.

Made from the user's own copy; nothing is fetched. The usual split, of Huang et al. (ISMIR 2014):
the 175 clips of the singers abjones and amy to learn from, the 825 of the 17 others for the test.
Which clips validate is not agreed on: here the last song of either singer, 17 clips, which makes
158 to train on. The mixture is the sum of both channels, voice and accompaniment at 0 dB as sung.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.audio import audio_files
from zoo.audio.probing import read_header
from zoo.data import completeness, pcm, plans
from zoo.data.sets.prepared import Prepared
from zoo.data.source import Example, Info
from zoo.errors import BadInput

_STEMS = ("accompaniment", "vocals")  # the left and the right channel
_RATE = 16_000
SINGERS = ("abjones", "amy")  # of training
_HELD = ("abjones_5", "amy_16")  # songs
_COUNTS = {"train": 158, "validation": 17, "test": 825}
_NAME = re.compile(r"([A-Za-z]+)_([0-9]+)_([0-9]+)\.wav")
_URL = "https://sites.google.com/site/unvoicedsoundseparation/mir-1k"


@dataclass(frozen=True)
class Mir1K(Prepared):
    """The Source. path: MIR-1K, or its folder Wavfile (UndividedWavfile holds whole songs, unused).

    chunk_seconds: shorter clips are filled up with zeros. allow_missing: the share of clips
    that need not be there.
    """

    path: str
    chunk_seconds: float = 4.0
    allow_missing: float = 0.0
    data_dir: str = ""

    wanted: ClassVar[str] = (
        f"download MIR-1K from {_URL} (for research) and give the folder that holds Wavfile, with "
        "1,000 files like abjones_1_01.wav of two channels"
    )

    @property
    def info(self) -> Info:
        return Info("mir-1k", _RATE, 1, _STEMS, "no licence stated; for research", _URL)

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.chunk_seconds * _RATE)

    @property
    def record_name(self) -> str:
        return f"mir-1k-{self.chunk_seconds:g}s"

    def blank(self) -> Example:
        return plans.blank_record(self.shortest, 1, stems=len(_STEMS))

    def plan(self) -> plans.Plan:
        files = self._files()
        jobs: dict[str, list[plans.Job]] = {split: [] for split in _COUNTS}
        for file in files:
            singer, song, _ = _parts(file, self.wanted)
            jobs[_split(singer, song)].append(plans.Job(file.stem, partial(_load, file)))
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs={split: tuple(listed) for split, listed in jobs.items()},
            shortest=self.shortest,
            tolerate=0.0,
            about=plans.files_fingerprint(files, self.root),
            rule="abjones and amy are learnt from, the last song of either is validation",
            listed=completeness.take_inventory(jobs, _COUNTS),
            notes=plans.comparable(jobs, _COUNTS),
        )

    def _files(self) -> list[Path]:
        below = self.root / "Wavfile"
        return audio_files.audio_in(below if below.is_dir() else self.root)


def _parts(file: Path, wanted: str) -> tuple[str, ...]:
    """Singer, song and clip of a file's name."""
    named = _NAME.fullmatch(file.name)
    if named is None:
        raise BadInput(f"{file} is named otherwise than abjones_1_01.wav: {wanted}.")
    return named.groups()


def _split(singer: str, song: str) -> str:
    if singer not in SINGERS:
        return "test"
    return "validation" if f"{singer}_{song}" in _HELD else "train"


def _load(file: Path) -> Example:
    found = read_header(file)
    if (found.channels, found.rate) != (2, _RATE):
        raise BadInput(
            f"{file} has {found.channels} channel(s) of {found.rate:,} Hz, not two of {_RATE:,}: "
            "it is not the original."
        )
    both = np.asarray(pcm.load_audio(file, _RATE, 2))
    return {"stems": np.ascontiguousarray(both.T[:, :, None])}
