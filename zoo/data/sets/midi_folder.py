"""A folder of the user's own MIDI files as a data set of notes, in any sub-folders.

Drums are left out and the sustain pedal is applied (zoo/data/midi.py). Splits are those of audio
folders: by folders named for them, else drawn by a hash of each name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from zoo import escapes
from zoo.data import midi, note_files, plans, records, splits
from zoo.data.note_rolls import Notes, none
from zoo.data.source import Example, Info
from zoo.errors import BadInput

_ENDINGS = (".mid", ".midi")
_TOLERATED = 0.5  # files that cannot be read, above this share: something is wrong with the folder
_NAMED = 5  # of those, how many are named


@dataclass(frozen=True)
class MidiFolder:
    """The Source. path: the folder. validation, test: shares, drawn file by file.

    sample_rate: Hz at which what is composed is played. data_dir: where the notes are kept, else
    $ZOO_DATA_DIR.
    """

    path: str
    validation: float = 0.1
    test: float = 0.1
    sample_rate: int = 16_000
    data_dir: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.validation + self.test < 1:
            raise BadInput("validation and test are shares below 1 in all, as in 0.1 and 0.1.")

    @property
    def info(self) -> Info:
        name = f"midi-{Path(self.path).name}"
        own = "the user's own"
        return Info(name, self.sample_rate, 1, (), own, str(self.path), kind="notes")

    def blank(self) -> Example:
        return {"track": "", "chunk": 0, "notes": none()}

    def prepare(self) -> None:
        """Reads the files where that is not done or they have changed. raises BadInput."""
        if not self._root.is_dir():
            raise BadInput(f"{self._root}: no such folder; give the one that holds your MIDI files")
        files = sorted(p for p in self._root.rglob("*") if p.suffix.lower() in _ENDINGS)
        if not files:
            raise BadInput(f"{self._root} holds no file that ends in {' or '.join(_ENDINGS)}")
        shares = {"validation": self.validation, "test": self.test}
        about = {**plans.files_fingerprint(files, self._root), **shares}
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

    def _read(self, files: Sequence[Path]) -> note_files.Pieces:
        rejected: list[str] = []
        notes = dict(read_midi_files(files, rejected))
        if len(rejected) > _TOLERATED * len(files):
            raise BadInput(f"{len(rejected)} of {len(files)} files cannot be read: {rejected[0]}")
        if rejected:
            more = ", ..." if len(rejected) > _NAMED else ""
            listed = "; ".join(rejected[:_NAMED]) + more
            print(
                escapes.terminal_line(f"{len(rejected)} files left out: {listed}"), file=sys.stderr
            )
        tracks = {path.relative_to(self._root).as_posix(): path for path in notes}
        jobs = [plans.Job(track, partial(dict, notes[path])) for track, path in tracks.items()]
        division = splits.divide(jobs, self.validation, self.test)
        print(escapes.terminal_line(f"{self.info.name}: {division.rule}"), file=sys.stderr)
        return {
            split: [(job.track, notes[tracks[job.track]]) for job in listed]
            for split, listed in division.splits.items()
        }


def read_midi_files(files: Sequence[Path], rejected: list[str]) -> Iterator[tuple[Path, Notes]]:
    """(path, notes) of every file that can be read; why not, of each other, into `rejected`."""
    for path in tqdm(files, desc="reading MIDI", unit="file", file=sys.stderr, leave=False):
        try:
            yield path, midi.read_notes(path)
        except BadInput as error:
            rejected.append(str(error))
