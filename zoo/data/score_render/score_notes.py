"""The embedded scores as notes, without any sound: 472 chorales, quartets and madrigals, or a part.

At a steady tempo and loudness, as written; the splits are those of the rendered sets, in which no
melody stands on two sides. Nothing is downloaded: the scores come out of the music21 wheel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.data import note_files, records
from zoo.data.events import USUAL
from zoo.data.note_rolls import Notes, none
from zoo.data.score_render.melody_split import split_pieces
from zoo.data.score_render.scores import READER, Piece, cached_pieces
from zoo.data.source import Example, Info
from zoo.errors import BadInput

_SIZES = {  # pieces of training, validation and test at most, of which repertoires
    "tiny": ((8, 2, 2), ("chorale",)),
    "small": ((1000, 1000, 1000), ("chorale",)),
    "large": ((1000, 1000, 1000), ("chorale", "quartet", "madrigal")),
}
LICENCE = (
    "read locally from music21's score corpus (compositions out of copyright; encodings belong to"
    " their encoders, see its license.txt): do not redistribute"
)


@dataclass(frozen=True)
class ScoreNotes:
    """The Source. size: tiny, small (Bach's chorales) or large (all). quarter: seconds of one.

    sample_rate: Hz at which what is composed is played.
    """

    size: str = "small"
    quarter: float = 0.5
    sample_rate: int = 16_000
    data_dir: str = ""

    def __post_init__(self) -> None:
        if self.size not in _SIZES:
            raise BadInput(f"no size '{self.size}' of the embedded scores: {', '.join(_SIZES)}")

    @property
    def info(self) -> Info:
        name, url = f"scores/{self.size}", "https://github.com/cuthbertLab/music21"
        return Info(name, self.sample_rate, 1, (), LICENCE, url, kind="notes")

    def blank(self) -> Example:
        return {"track": "", "chunk": 0, "notes": none()}

    def prepare(self) -> None:
        """Reads the scores where that is not done, which takes some seconds."""
        about = {"size": self.size, "quarter": self.quarter, "reader": READER}
        note_files.store_pieces(self._kept, about, self._read)

    def open(self, split: str) -> Sequence[Example]:
        return note_files.open_pieces(self._kept, split)

    @property
    def _kept(self) -> Path:
        name = f"scores-{self.size}-{self.quarter:g}s"
        return records.directory(name, self.data_dir) / "notes.npz"

    def _read(self) -> note_files.Pieces:
        counts, repertoires = _SIZES[self.size]
        root = Path(self.data_dir).expanduser() if self.data_dir else records.data_dir()
        chosen = split_pieces(cached_pieces(root / "score_render_work"))
        return {
            split: [
                (piece.name, _notes_of(piece, self.quarter))
                for piece in chosen[split]
                if piece.repertoire in repertoires
            ][:count]
            for split, count in zip(records.SPLITS, counts)
        }


def _notes_of(piece: Piece, quarter: float) -> Notes:
    """All voices of a score together, in order of onset; quarter: seconds of a quarter note."""
    table = np.concatenate(piece.parts)
    table = table[np.lexsort((table[:, 2], table[:, 0]))]
    onset, lasts = table[:, 0] * quarter, table[:, 1] * quarter
    return {
        "onset": onset.astype(np.float32),
        "offset": (onset + lasts).astype(np.float32),
        "pitch": table[:, 2].astype(np.int32),
        "velocity": np.full(len(table), USUAL, np.int32),
    }
