"""URMP (Li et al. 2018): 44 pieces of chamber music, each player alone; 13 instruments, 48 kHz.

Made from the user's own download; nothing is fetched. A record has all 13 stems, of which those
that do not play are silent, and two players of one instrument are summed. No split is published:
pieces are drawn by a hash of their names without numbers and players, so that arrangements of one
piece stay together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from zoo.audio.probing import probe
from zoo.data.sets.stem_songs import DRAWN, Song, StemSongs, drawn, folders, original, summed
from zoo.data.source import Example, Info
from zoo.errors import BadInput

RATE = 48_000
INSTRUMENTS = ("bn", "cl", "db", "fl", "hn", "ob", "sax", "tba", "tbn", "tpt", "va", "vc", "vn")
NAME = re.compile(r"AuSep_(\d+)_([a-z]+)_(\d+)_(.+)\.wav")
URL = "https://labsites.rochester.edu/air/projects/URMP.html"


@dataclass(frozen=True)
class URMP(StemSongs):
    """The Source. path: the folder of the pieces, as 01_Jupiter_vn_vc. See `StemSongs`."""

    path: str
    sample_rate: int = RATE
    chunk_seconds: float = 1.0
    allow_missing: float = 0.0
    data_dir: str = ""

    total: ClassVar[int] = 44
    rule: ClassVar[str] = DRAWN
    wanted: ClassVar[str] = (
        f"download URMP from {URL} (for research) and give the folder that holds 44 pieces like "
        "01_Jupiter_vn_vc/ with AuSep_1_vn_01_Jupiter.wav, one for each player"
    )

    @property
    def info(self) -> Info:
        return Info("urmp", self.sample_rate, 1, INSTRUMENTS, "research only", URL)

    def songs(self) -> dict[str, dict[str, Song]]:
        found: dict[str, dict[str, Song]] = {}
        for piece in folders(self.root):
            players = sorted(piece.glob("AuSep_*.wav"))
            if not players:
                continue  # Supplementary_Files
            groups: list[list[Path]] = [[] for _ in INSTRUMENTS]
            title = ""
            for player in players:
                named = NAME.fullmatch(player.name)
                if named is None or named[2] not in INSTRUMENTS:
                    example = "AuSep_1_vn_01_Jupiter.wav"
                    raise BadInput(f"{player} is named otherwise than {example}: {self.wanted}.")
                groups[INSTRUMENTS.index(named[2])].append(player)
                title = named[4]
            song = Song(partial(self._piece, groups), players)
            found.setdefault(drawn(title), {})[piece.name] = song
        return found

    def _piece(self, groups: list[list[Path]]) -> Example:
        for file in (file for group in groups for file in group):
            original(probe(file), RATE)
        return {"stems": summed(groups, self.sample_rate, 1)}
