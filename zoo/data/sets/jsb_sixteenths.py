"""Bach's chorales in four voices at sixteenths: 229 to train, 76 to validate, 77 to test.

The splits of Boulanger-Lewandowski et al. (2012) with the voices apart, as Coconet and Music
Transformer score them: Jsb16thSeparated.json of github.com/czhuang/JSB-Chorales-dataset, which the
reader fetches; pinned by its SHA-256. A record is a piece, `voices` [T 4] int16: the pitch of each
voice at every sixteenth, soprano first, -1 where it is silent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from zoo.data.source import Example, Info
from zoo.errors import BadInput

FILE = "Jsb16thSeparated.json"
SHA256 = "79294cc374f9252e95ef4b703161524c1c53dc1f712c236f00f1c1f5d54af5a7"
_SPLITS = {"train": "train", "validation": "valid", "test": "test"}
LONGEST = 640  # steps
_URL = "https://github.com/czhuang/JSB-Chorales-dataset"
_LICENCE = "none stated; the music is out of copyright"


@dataclass(frozen=True)
class JsbSixteenths:
    """The Source. path: the file, or the folder that holds it."""

    path: str
    sample_rate: int = 16_000

    @property
    def info(self) -> Info:
        return Info("jsb-sixteenths", self.sample_rate, 1, (), _LICENCE, _URL, kind="notes")

    def blank(self) -> Example:
        return {"track": "", "chunk": 0, "voices": np.full((LONGEST, 4), -1, np.int16)}

    def prepare(self) -> None:
        """Reads the file and compares it with the published one. raises BadInput."""
        _read(self._file, SHA256)

    def open(self, split: str) -> Sequence[Example]:
        pieces = _read(self._file, SHA256)[split]
        return [
            {"track": f"{split}-{number:03d}", "chunk": 0, "voices": voices}
            for number, voices in enumerate(pieces)
        ]

    @property
    def _file(self) -> Path:
        path = Path(self.path).expanduser()
        return path / FILE if path.is_dir() else path


@lru_cache(maxsize=2)
def _read(file: Path, sha256: str) -> dict[str, tuple[np.ndarray, ...]]:
    """The pieces [T 4] int16 of each split. raises BadInput."""
    if not file.is_file():
        raise BadInput(f"{file}: no such file; fetch {FILE} from {_URL}, and say path=")
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BadInput(f"{file} is not the published file (its SHA-256 differs): fetch it anew")
    pieces = json.loads(content)
    return {
        split: tuple(np.array(piece, np.int16) for piece in pieces[key])
        for split, key in _SPLITS.items()
    }
