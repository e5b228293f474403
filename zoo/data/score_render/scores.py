"""Real scores out of the music21 wheel: compressed MusicXML -> parts of notes [N 3].

A note is (onset, duration) in quarters and a MIDI pitch. The corpus is found without importing
music21, which would cost a second; its encodings belong to their encoders and are read from the
user's own installation, never copied. Repeats are ignored; grace and cue notes are left out.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from zoo import commands, durable
from zoo.errors import BadInput

FOLDERS = ("bach", "beethoven", "haydn", "monteverdi", "mozart", "schumann_robert")
REPERTOIRES = ("chorale", "quartet", "madrigal")
READER = 2  # raised with every change of what is read
EXPECTED_PIECES = 472
EXPECTED_NOTES = 312_076
EXPECTED_NAMES = "9c4fae8af3a16dc7102d9be31d4cf510786eac9b9d730c46af53cac83fce6b7d"
INSTALL = f"the embedded data set needs music21 and pretty_midi: {commands.MUSIC}"

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Piece:
    """One score. parts: [N 3] onset, duration (quarters), pitch; bars: [bars 2] start, length."""

    name: str  # path under the corpus without suffix
    repertoire: str
    mode: str  # "major", "minor" or ""; to be trusted for Bach only
    parts: tuple[np.ndarray, ...] = field(repr=False)
    bars: np.ndarray = field(repr=False)

    @property
    def notes(self) -> int:
        return sum(len(part) for part in self.parts)

    @property
    def length(self) -> float:
        """Quarters from the first bar to the end of the last note."""
        return float(max((part[:, 0] + part[:, 1]).max() for part in self.parts))


@dataclass
class _Measure:
    """What one part writes into one measure, with onsets counted from its start, in quarters."""

    length: float
    beats: float
    notes: list[tuple[float, float, int, bool, bool]]  # onset, duration, pitch, ties to both sides


def package_folder(package: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise BadInput(INSTALL)
    return Path(spec.origin).parent


def read_pieces() -> list[Piece]:
    """The 472 pieces in four or five voices, sorted by name. raises BadInput on another corpus."""
    corpus = package_folder("music21") / "corpus"
    paths = sorted(path for folder in FOLDERS for path in (corpus / folder).rglob("*.mxl"))
    pieces = [piece for path in paths if (piece := read_piece(path, corpus)) and _usable(piece)]
    pieces.sort(key=lambda piece: piece.name)
    found = names_hash(piece.name for piece in pieces)
    if found != EXPECTED_NAMES:
        raise BadInput(
            f"the music21 corpus at {corpus} gives {len(pieces)} pieces (hash {found[:12]}), not"
            f" {EXPECTED_PIECES} (hash {EXPECTED_NAMES[:12]}): pip install 'music21==10.5.1'"
        )
    return pieces


def names_hash(names: Iterable[str]) -> str:
    """SHA-256 of the sorted names, joined by newlines."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()


def read_piece(path: Path, corpus: Path) -> Piece | None:
    """One .mxl file, or None where it holds no notes."""
    root = _read_xml(path)
    parts = [_read_part(part) for part in root.iter("part")]
    starts, bars = _bar_lines(parts)
    notes = [_join_ties(part, starts) for part in parts]
    name = path.relative_to(corpus).with_suffix("").as_posix()
    repertoire = {"bach": "chorale", "monteverdi": "madrigal"}.get(name.split("/")[0], "quartet")
    mode = root.findtext(".//key/mode") or ""
    sounding = tuple(part for part in notes if len(part))
    return Piece(name, repertoire, mode, sounding, bars) if sounding else None


def _usable(piece: Piece) -> bool:
    """Four or five parts, of which at least one is a melody rather than chords."""
    melodic = [len(np.unique(part[:, 0])) >= len(part) / 2 for part in piece.parts]
    return len(piece.parts) in (4, 5) and any(melodic)


def _read_xml(path: Path) -> ElementTree.Element:
    with zipfile.ZipFile(path) as archive:
        container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
        paths = (node.get("full-path") for node in container.iter())
        names = [path for path in paths if path]
        return ElementTree.fromstring(archive.read(names[0]))


@dataclass
class _Clock:
    """The state of a part that lasts over bar lines."""

    divisions: float = 1.0  # per quarter
    transpose: int = 0  # semitones
    beats: float = 4.0  # quarters in a bar

    def update(self, attributes: ElementTree.Element) -> None:
        if (text := attributes.findtext("divisions")) is not None:
            self.divisions = float(text)
        if (node := attributes.find("transpose")) is not None:
            octaves = int(node.findtext("octave-change") or 0)
            self.transpose = int(node.findtext("chromatic") or 0) + 12 * octaves
        if (node := attributes.find("time")) is not None and node.find("beats") is not None:
            beats = sum(int(term) for term in _text(node, "beats").split("+"))
            self.beats = beats * 4 / int(_text(node, "beat-type"))


def _text(node: ElementTree.Element, name: str) -> str:
    """The text of a part that the format demands. raises ValueError where it is missing."""
    found = node.findtext(name)
    if found is None:
        raise ValueError(f"{node.tag} without {name}")
    return found


def _read_part(part: ElementTree.Element) -> list[_Measure]:
    clock = _Clock()
    return [_read_measure(measure, clock) for measure in part.iter("measure")]


def _read_measure(measure: ElementTree.Element, clock: _Clock) -> _Measure:
    now = previous = fill = 0.0
    notes = []
    for node in measure:
        if node.tag == "attributes":
            clock.update(node)
        elif node.tag in ("backup", "forward"):
            sign = 1 if node.tag == "forward" else -1
            now += sign * float(_text(node, "duration")) / clock.divisions
        elif node.tag == "note" and node.find("grace") is None and node.find("cue") is None:
            duration = float(node.findtext("duration") or 0) / clock.divisions
            if node.find("chord") is None:
                previous, now = now, now + duration
            if (pitch := node.find("pitch")) is not None:
                ties = {tie.get("type") for tie in node.findall("tie")}
                key = _midi(pitch) + clock.transpose
                notes.append((previous, duration, key, "stop" in ties, "start" in ties))
        fill = max(fill, now)
    return _Measure(fill, clock.beats, notes)


def _midi(pitch: ElementTree.Element) -> int:
    alter = round(float(pitch.findtext("alter") or 0))
    return 12 * (int(_text(pitch, "octave")) + 1) + _STEPS[_text(pitch, "step")] + alter


def _bar_lines(parts: list[list[_Measure]]) -> tuple[np.ndarray, np.ndarray]:
    """Starts of all measures, and [bars 2] start and length of those that last."""
    count = max(len(part) for part in parts)
    measures = [[part[i] for part in parts if i < len(part)] for i in range(count)]
    lengths = np.array([_length(together) for together in measures])
    starts = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    return starts, np.stack([starts, lengths], axis=1)[lengths > 0]


def _length(measures: list[_Measure]) -> float:
    """Parts disagree on pickup bars, on the length of a rest, and by slips of their encoders.

    What sounds decides: the written metre where a part fills it, else the fullest part.
    """
    sounding = [measure for measure in measures if measure.notes] or measures
    metre = [measure.beats for measure in sounding if abs(measure.length - measure.beats) < 0.01]
    return metre[0] if metre else max(measure.length for measure in sounding)


def _join_ties(part: list[_Measure], starts: np.ndarray) -> np.ndarray:
    """Absolute notes [N 3] of one part, each chain of ties as one note."""
    notes: list[list[float]] = []
    last: dict[int, list[float]] = {}
    open_ties: set[int] = set()  # pitches; in some editions only the first note knows of its tie
    for start, measure in zip(starts, part):
        for onset, duration, pitch, ends, begins in sorted(measure.notes, key=lambda n: n[0]):
            now = start + onset
            before = last.get(pitch)
            ties = ends or pitch in open_ties
            if before is not None and ties and abs(before[0] + before[1] - now) < 0.01:
                before[1] = now + duration - before[0]
            elif duration > 0:
                last[pitch] = [now, duration, pitch]
                notes.append(last[pitch])
            (open_ties.add if begins else open_ties.discard)(pitch)
    array = np.array(notes, np.float64).reshape(-1, 3)
    return array[np.lexsort((array[:, 2], array[:, 0]))]


def cached_pieces(folder: Path) -> list[Piece]:
    """`read_pieces`, kept in a folder between builds; parsing takes some seconds."""
    version = importlib.metadata.version("music21")
    path = folder / f"pieces-{version}-{READER}.npz"
    if not durable.is_sound(path):
        folder.mkdir(parents=True, exist_ok=True)
        _save(path, read_pieces())
    return _load(path)


def _save(path: Path, pieces: list[Piece]) -> None:
    names = [(piece.name, piece.repertoire, piece.mode) for piece in pieces]
    tables = [[*piece.parts, piece.bars] for piece in pieces]
    arrays: dict[str, Any] = {
        "names": np.array(names),
        "counts": np.array([len(table) for table in tables]),
        "lengths": np.array([len(part) for table in tables for part in table]),
        "notes": np.concatenate([part for table in tables for part in table[:-1]]),
        "bars": np.concatenate([table[-1] for table in tables]),
    }
    durable.write_sealed(path, lambda file: np.savez(file, **arrays))


def _load(path: Path) -> list[Piece]:
    with np.load(path, allow_pickle=False) as file:
        names, counts, lengths = file["names"].tolist(), file["counts"], file["lengths"]
        notes, bars = file["notes"], file["bars"]
    pieces, note, bar, row = [], 0, 0, 0
    for (name, repertoire, mode), count in zip(names, counts):
        parts = []
        for length in lengths[row : row + count - 1]:
            parts.append(notes[note : note + length])
            note += length
        row += count
        length = lengths[row - 1]
        pieces.append(Piece(name, repertoire, mode, tuple(parts), bars[bar : bar + length]))
        bar += length
    return pieces
