"""DSD100 (Liutkus et al., SiSEC 2016): 100 songs as bass, drums, other, vocals; 44.1 kHz stereo.

Made from the user's own download; nothing is fetched. 50 songs to learn from (Dev) and 50 for the
test. No songs for validation are agreed on: here the last five of Dev by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from zoo.data.sets.stem_songs import StemSong, StemSongs, visible_folders
from zoo.data.source import Info

RATE = 44_100
STEMS = ("bass", "drums", "other", "vocals")
_HELD = 5  # songs of Dev
_URL = "https://sisec.inria.fr/2016-professionally-produced-music-recordings"


@dataclass(frozen=True)
class DSD100(StemSongs):
    """The Source. path: the folder that holds Mixtures/ and Sources/. See `StemSongs`."""

    path: str
    sample_rate: int = RATE
    channels: int = 2
    chunk_seconds: float = 1.0
    allow_missing: float = 0.0
    data_dir: str = ""

    counts: ClassVar = {"train": 50 - _HELD, "validation": _HELD, "test": 50}
    rule: ClassVar[str] = "Dev and Test as published, the last five songs of Dev for validation"
    wanted: ClassVar[str] = (
        f"download DSD100.zip (reported 14 GB) from {_URL} and unpack it, so that the folder holds "
        "Mixtures/Dev/<song>/mixture.wav and Sources/Dev/<song>/bass.wav, drums, other, vocals, "
        "and Test likewise"
    )

    @property
    def info(self) -> Info:
        licence = "research only, per song"
        return Info("dsd100", self.sample_rate, self.channels, STEMS, licence, _URL)

    def songs(self) -> dict[str, dict[str, StemSong]]:
        dev, test = (visible_folders(self.root / "Sources" / part) for part in ("Dev", "Test"))
        parts = {"train": dev[:-_HELD], "validation": dev[-_HELD:], "test": test}
        found: dict[str, dict[str, StemSong]] = {}
        for split, songs in parts.items():
            found[split] = {}
            for song in songs:
                stems = [song / f"{stem}.wav" for stem in STEMS]
                mixture = self.root / "Mixtures" / song.parent.name / song.name / "mixture.wav"
                load = partial(self.load, stems, RATE, mixture)
                found[split][song.name] = StemSong(load, [*stems, mixture])
        return found
