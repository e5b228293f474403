"""URMP (Li et al. 2018): 44 pieces of chamber music, each player alone; 13 instruments, 48 kHz.

Made from the user's own download; nothing is fetched. A record has all 13 stems, of which those
that do not play are silent, and two players of one instrument are summed; `present` [13] says which
play. No split is published: pieces are drawn by a hash of their names without numbers and players,
so that arrangements of one piece stay together, unless the pieces of the test are named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.audio.probing import read_header
from zoo.data import plans
from zoo.data.sets.stem_songs import (
    DRAWN,
    StemSong,
    StemSongs,
    check_rate,
    split_by_hash,
    sum_stem_files,
    visible_folders,
)
from zoo.data.source import Example, Info
from zoo.errors import BadInput

_RATE = 48_000
_CODES = {  # in file names
    "bn": "bassoon",
    "cl": "clarinet",
    "db": "double bass",
    "fl": "flute",
    "hn": "horn",
    "ob": "oboe",
    "sax": "saxophone",
    "tba": "tuba",
    "tbn": "trombone",
    "tpt": "trumpet",
    "va": "viola",
    "vc": "cello",
    "vn": "violin",
}
INSTRUMENTS = tuple(_CODES.values())
_NAME = re.compile(r"AuSep_(\d+)_([a-z]+)_(\d+)_(.+)\.wav")
_NAMED = "the test as its pieces are named; validation by a hash of the names of the others"
_URL = "https://labsites.rochester.edu/air/projects/URMP.html"


@dataclass(frozen=True)
class URMP(StemSongs):
    """The Source. path: the folder of the pieces, as 01_Jupiter_vn_vc. See `StemSongs`.

    test: numbers of the pieces that are the test; what the hash would draw for it is trained on.
    (): drawn.
    """

    path: str
    sample_rate: int = _RATE
    chunk_seconds: float = 1.0
    allow_missing: float = 0.0
    data_dir: str = ""
    test: tuple[int, ...] = ()

    total: ClassVar[int] = 44
    rule: ClassVar[str] = DRAWN
    wanted: ClassVar[str] = (
        f"download URMP from {_URL} (for research) and give the folder that holds 44 pieces like "
        "01_Jupiter_vn_vc/ with AuSep_1_vn_01_Jupiter.wav, one for each player"
    )

    @property
    def info(self) -> Info:
        return Info("urmp", self.sample_rate, 1, INSTRUMENTS, "research only", _URL)

    @property
    def record_name(self) -> str:
        chosen = f"-test{plans.short_hash({'test': self.test})}" if self.test else ""
        return f"{super().record_name}{chosen}"

    def blank(self) -> Example:
        return {**super().blank(), "present": np.zeros(len(INSTRUMENTS), np.uint8)}

    def plan(self) -> plans.Plan:
        made = super().plan()
        return replace(made, rule=_NAMED) if self.test else made

    def songs(self) -> dict[str, dict[str, StemSong]]:
        found: dict[str, dict[str, StemSong]] = {}
        for piece in visible_folders(self.root):
            players = sorted(piece.glob("AuSep_*.wav"))
            if not players:
                continue  # Supplementary_Files
            groups: list[list[Path]] = [[] for _ in INSTRUMENTS]
            number, title = 0, ""
            for player in players:
                named = _NAME.fullmatch(player.name)
                if named is None or named[2] not in _CODES:
                    example = "AuSep_1_vn_01_Jupiter.wav"
                    raise BadInput(f"{player} is named otherwise than {example}: {self.wanted}.")
                groups[INSTRUMENTS.index(_CODES[named[2]])].append(player)
                number, title = int(named[3]), named[4]
            song = StemSong(partial(self._piece, groups), players)
            found.setdefault(self._split(number, title), {})[piece.name] = song
        return found

    def _split(self, number: int, title: str) -> str:
        if not self.test:
            return split_by_hash(title)
        rest = {"test": "train"}.get(split_by_hash(title), split_by_hash(title))
        return "test" if number in self.test else rest

    def _piece(self, groups: list[list[Path]]) -> Example:
        for file in (file for group in groups for file in group):
            check_rate(read_header(file), _RATE)
        present = np.array([bool(group) for group in groups], np.uint8)
        return {"stems": sum_stem_files(groups, self.sample_rate, 1), "present": present}
