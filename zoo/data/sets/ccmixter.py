"""CCMixter (Liutkus et al. 2014): 50 songs as accompaniment and vocals, 44.1 kHz stereo.

Made from the user's own download; nothing is fetched. Papers learn from all of it; here songs are
drawn for validation and test, too, by a hash of their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from zoo.data.sets.stem_songs import DRAWN, StemSong, StemSongs, split_by_hash, visible_folders
from zoo.data.source import Info

_RATE = 44_100
_STEMS = ("accompaniment", "vocals")
FILES = ("source-01.wav", "source-02.wav")  # in this order
_URL = "https://members.loria.fr/ALiutkus/kam/"


@dataclass(frozen=True)
class CCMixter(StemSongs):
    """The Source. path: the folder that holds a folder for each song. See `StemSongs`."""

    path: str
    sample_rate: int = _RATE
    channels: int = 2
    chunk_seconds: float = 1.0
    allow_missing: float = 0.0
    data_dir: str = ""

    total: ClassVar[int] = 50
    rule: ClassVar[str] = DRAWN
    wanted: ClassVar[str] = (
        f"download the ccMixter corpus from {_URL} and give the folder that holds, for each of 50 "
        "songs, <song>/mix.wav, source-01.wav (accompaniment) and source-02.wav (vocals)"
    )

    @property
    def info(self) -> Info:
        licence = "Creative Commons, per song"
        return Info("ccmixter", self.sample_rate, self.channels, _STEMS, licence, _URL)

    def songs(self) -> dict[str, dict[str, StemSong]]:
        found: dict[str, dict[str, StemSong]] = {}
        for song in visible_folders(self.root):
            stems, mixture = [song / name for name in FILES], song / "mix.wav"
            load = partial(self.load, stems, _RATE, mixture)
            found.setdefault(split_by_hash(song.name), {})[song.name] = StemSong(
                load, [*stems, mixture]
            )
        return found
