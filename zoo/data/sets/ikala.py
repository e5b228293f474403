"""iKala (Chan et al. 2015): 252 clips of 30 s, 44.1 kHz; accompaniment left, voice right.

Made from the user's own copy, for it is no longer given out; nothing is fetched. No split is agreed
on: here songs are drawn, 8 to 1 to 1, by a hash of the number that verse and chorus share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from zoo.audio import audio_files
from zoo.data.sets.stem_songs import DRAWN, StemSong, StemSongs, split_by_hash
from zoo.data.source import Info
from zoo.errors import BadInput

_RATE = 44_100
_STEMS = ("accompaniment", "vocals")  # the left and the right channel
_NAME = re.compile(r"(\d+)_(verse|chorus)\.wav")
_CLIPS = 252
_URL = "http://mac.citi.sinica.edu.tw/ikala"


@dataclass(frozen=True)
class IKala(StemSongs):
    """The Source. path: iKala, or its folder Wavfile. See `StemSongs`."""

    path: str
    sample_rate: int = _RATE
    chunk_seconds: float = 4.0
    allow_missing: float = 0.0
    data_dir: str = ""

    total: ClassVar[int] = _CLIPS
    rule: ClassVar[str] = DRAWN
    wanted: ClassVar[str] = (
        "give your copy of iKala (no longer given out), the folder that holds Wavfile, with 252 "
        "files like 10161_chorus.wav of two channels"
    )

    @property
    def info(self) -> Info:
        return Info("ikala", self.sample_rate, 1, _STEMS, "academic use only", _URL)

    def songs(self) -> dict[str, dict[str, StemSong]]:
        below = self.root / "Wavfile"
        files = audio_files.audio_in(below if below.is_dir() else self.root)
        found: dict[str, dict[str, StemSong]] = {}
        for file in files:
            named = _NAME.fullmatch(file.name)
            if named is None:
                raise BadInput(f"{file} is named otherwise than 10161_chorus.wav: {self.wanted}.")
            song = StemSong(partial(self.load_sides, file, _RATE), [file])
            found.setdefault(split_by_hash(named[1]), {})[file.stem] = song
        return found
