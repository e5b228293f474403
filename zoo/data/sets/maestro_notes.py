"""The notes of MAESTRO v3 (Hawthorne et al., ICLR 2019) without its audio: 1,276 performances.

Made from the user's own download, of which the MIDI files (58 MB) suffice; the published splits.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.data import completeness, note_files, plans, records
from zoo.data.note_rolls import none
from zoo.data.sets.maestro import COUNTS, LICENCE, URL, performances
from zoo.data.sets.midi_folder import read_midi_files
from zoo.data.source import Example, Info
from zoo.errors import BadInput

_WANTED = f"download maestro-v3.0.0-midi.zip (58 MB) from {URL} ({LICENCE}) and give its folder"


@dataclass(frozen=True)
class MaestroNotes:
    """The Source. path: the folder with one maestro-*.csv and the years.

    allow_missing: the share of performances that need not be there.
    """

    path: str
    sample_rate: int = 16_000
    allow_missing: float = 0.0
    data_dir: str = ""

    @property
    def info(self) -> Info:
        return Info("maestro-v3-notes", self.sample_rate, 1, (), LICENCE, URL, kind="notes")

    def blank(self) -> Example:
        return {"track": "", "chunk": 0, "notes": none()}

    def prepare(self) -> None:
        """Reads the MIDI files where that is not done. raises BadInput where some are missing."""
        there, missing = performances(self._root, ("midi_filename",), _WANTED)
        jobs = {split: [row for row in there if row["split"] == split] for split in COUNTS}
        listed = completeness.take_inventory(jobs, COUNTS, missing, "performances")
        for note in completeness.check_completeness(
            self._root, listed, self.allow_missing, _WANTED
        ):
            print(f"{self.info.name}: warning: {note}", file=sys.stderr)
        if not there:
            raise BadInput(f"{self._root} holds no MIDI file of its table: {_WANTED}.")
        files = {self._root / row["midi_filename"]: row["split"] for row in there}
        about = plans.files_fingerprint(list(files), self._root)
        note_files.store_pieces(self._kept, about, lambda: self._read(files))

    def open(self, split: str) -> Sequence[Example]:
        return note_files.open_pieces(self._kept, split)

    @property
    def _root(self) -> Path:
        return Path(self.path).expanduser()

    @property
    def _kept(self) -> Path:
        name = plans.named_for(self.info.name, self._root)
        return records.directory(name, self.data_dir) / "notes.npz"

    def _read(self, files: dict[Path, str]) -> note_files.Pieces:
        pieces: dict[str, list] = {split: [] for split in COUNTS}
        rejected: list[str] = []
        for path, notes in read_midi_files(list(files), rejected):
            pieces[files[path]].append((path.relative_to(self._root).as_posix(), notes))
        if rejected:
            raise BadInput(f"{len(rejected)} MIDI files cannot be read: {rejected[0]}; {_WANTED}")
        return pieces
