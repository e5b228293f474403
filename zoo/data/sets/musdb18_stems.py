"""MUSDB18 as it was first published (Rafii et al. 2017): 150 songs as .stem.mp4, AAC of 256 kb/s.

Made from the user's own download, through PyAV (the extra `av`); nothing is fetched. Tracks of a
file: the mixture, drums, bass, other, vocals. The splits are those of `Musdb18HQ`. AAC ends at some
16 kHz, and the mixture was encoded apart from the stems, whose sum lies about 30 dB from it: scores
are not those of HQ. Stems are cut to the shortest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from zoo.audio.probing import read_track_headers
from zoo.data.sets.musdb18 import COUNTS, LICENCE, RATE, STEMS, VALIDATION
from zoo.data.sets.stem_songs import StemSong, StemSongs
from zoo.data.source import Example, Info
from zoo.errors import BadInput

_ENDING = ".stem.mp4"
_URL = "https://zenodo.org/records/1117372"


@dataclass(frozen=True)
class Musdb18(StemSongs):
    """The Source. path: the folder that holds train/ and test/. See `StemSongs`."""

    path: str
    sample_rate: int = RATE
    channels: int = 2
    chunk_seconds: float = 1.0
    allow_missing: float = 0.0
    data_dir: str = ""

    counts: ClassVar = COUNTS
    rule: ClassVar[str] = "the published splits, the usual 14 songs of training for validation"
    wanted: ClassVar[str] = (
        f"download musdb18.zip (4.7 GB) from {_URL} ({LICENCE}) and unpack it, so that the folder "
        "holds train/*.stem.mp4 and test/*.stem.mp4"
    )

    @property
    def info(self) -> Info:
        return Info("musdb18", self.sample_rate, self.channels, STEMS, LICENCE, _URL)

    def songs(self) -> dict[str, dict[str, StemSong]]:
        files = sorted(self.root.glob(f"t[re][as][it]*/*{_ENDING}"))
        found: dict[str, dict[str, StemSong]] = {split: {} for split in COUNTS}
        for file in files:
            name, part = file.name.removesuffix(_ENDING), file.parent.name
            if part in ("train", "test"):
                split = "validation" if part == "train" and name in VALIDATION else part
                found[split][name] = StemSong(partial(self._song, file), [file])
        return found

    def _song(self, file: Path) -> Example:
        mixture, *stems = read_track_headers(file)
        if len(stems) != len(STEMS):
            raise BadInput(
                f"{file} has {1 + len(stems)} track(s), not a mixture and {len(STEMS)} stems: "
                "it is not the original."
            )
        return self.load(stems, RATE, mixture, ends="cut")
