"""Transcription of held-out pieces, note by note as mir_eval; a user's file as MIDI and a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.audio import audio_files
from zoo.audio.blocks import Blocks
from zoo.audio.probing import read_header
from zoo.data.note_rolls import Notes, none, rolls
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import (
    Monitor,
    Predict,
    Progress,
    Report,
    record_name,
    unpadded_audio,
    write_figure,
    write_table,
)
from zoo.metrics.notes import all_note_f1, frame_f1
from zoo.metrics.resampling import Scores
from zoo.songs.midi_files import write_midi
from zoo.songs.note_decoding import NoteDecoder, Reading, Rises, Rolls, for_metrics, listen


@dataclass(frozen=True)
class _WholePiece:
    """A whole performance: audio [T 1] float32 and its notes, times in seconds from its start."""

    track: str
    name: str  # of its own: clips of one track share that
    audio: np.ndarray
    notes: Notes


@dataclass(frozen=True)
class NoteTranscription:
    """F1 of notes (onset; with offset; with offset and velocity) and of frames, means over pieces.

    `predict` gets {'audio': [B T 1]} and answers the rolls [B F K] that `windows` keeps.
    """

    shows: ClassVar[tuple[str, ...]] = ("roll",)

    windows: Reading
    decoder: NoteDecoder = Rises()

    @property
    def monitor(self) -> Monitor:
        return "note_f1", "max"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        waiting: list[_WholePiece] = []
        begun = 0

        def sounds() -> Iterator[list[np.ndarray]]:
            for number, piece in enumerate(whole_pieces(records, info.sample_rate)):
                if number == limit:
                    return
                waiting.append(piece)
                yield [piece.audio]
                if progress:
                    progress(number + 1, limit or 0)

        step = self.windows.hop / info.sample_rate
        rows = []
        for predicted in listen(predict, sounds(), self.windows):
            piece = waiting.pop(0)
            whole = piece.notes["onset"] >= 0
            begun += int((~whole).sum())
            truth = {name: np.asarray(value)[whole] for name, value in piece.notes.items()}
            truth["offset"] = np.minimum(truth["offset"], len(piece.audio) / info.sample_rate)
            estimate = self.decoded(predicted, info.sample_rate)
            frames = -(-len(piece.audio) // self.windows.hop)
            rows.append(
                {
                    "track": piece.track,
                    "name": piece.name,
                    "notes": len(truth["pitch"]),
                    **_scores(truth, estimate, frames, step),
                }
            )
        return self._report([row for row in rows if row["notes"]], len(rows), begun, info)

    def _report(self, rows: list[dict], total: int, begun: int, info: Info) -> Report:
        if not rows:
            raise BadInput("no piece with notes to evaluate: choose another split.")
        names = [name for name in rows[0] if name not in ("track", "name", "notes")]
        metrics = {name: float(np.mean([row[name] for row in rows])) for name in names}
        counts = {
            "pieces": len(rows),
            "pieces_without_notes": total - len(rows),
            "notes": sum(row["notes"] for row in rows),
            "notes_begun_before": begun,
        }
        sentence = (
            f"Means over pieces of F1, precision and recall as mir_eval: onsets within 50 ms; "
            "offsets within 50 ms or 20 % of the duration; velocities within 0.1 after a linear "
            f"fit; frames of {self.windows.hop} samples at {info.sample_rate} Hz from the decoded "
            f"notes. {self.decoder.sentence} {self.windows.sentence} Notes begun before a piece's "
            "first sample are left out."
        )
        per_piece = {name: np.array([row[name] for row in rows]) for name in names}
        scores = Scores(np.array([row["name"] for row in rows]), per_piece)
        tables = {"per_piece": [{k: v for k, v in row.items() if k != "name"} for row in rows]}
        return Report(metrics, sentence, counts, tables, scores=scores)

    def notes(self, predict: Predict, blocks: Blocks, info: Info) -> Notes:
        """Notes {onset, offset (s), pitch, velocity} of mono blocks [n 1] at the model's rate."""
        return self.decoded(next(listen(predict, [blocks], self.windows)), info.sample_rate)

    def decoded(self, rolls: Rolls, rate: int) -> Notes:
        """What is played in a sound of that rate (Hz), from its rolls."""
        return self.decoder.decode(rolls, self.windows.hop / rate)

    def predict_file(
        self,
        predict: Predict,
        path: str | Path,
        folder: str | Path,
        info: Info,
        *,
        figures: bool = True,
    ) -> str:
        """A user's file into folder/{notes.mid, notes.csv, page.html}; a summary.

        figures: roll.png, too.
        """
        from zoo.pages.piano_roll import roll_figure, write_piano_roll

        rate = info.sample_rate
        seconds = read_header(path).seconds
        notes = self.notes(predict, audio_files.stream_audio(path, rate, 1), info)
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_midi(folder / "notes.mid", notes)
        write_table(folder / "notes.csv", _table(notes))
        if figures:
            write_figure(partial(roll_figure, notes, seconds), folder / "roll.png", dpi=110)
        write_piano_roll(folder / "page.html", path, notes, seconds)
        count = len(notes["pitch"])
        return (
            f"{Path(path).name}: {count} notes in {seconds:.1f} s, {folder / 'notes.mid'}; look at "
            f"{folder / 'page.html'}"
        )


def _scores(truth: Notes, estimate: Notes, frames: int, step: float) -> dict[str, float]:
    """The row of one piece: F1 of notes in three senses and of frames, and their parts."""
    result = {}
    found = all_note_f1(for_metrics(truth), for_metrics(estimate))
    grids = [rolls(notes, frames, step)["frames"] for notes in (truth, estimate)]
    found["frame"] = frame_f1(*grids)
    for name, score in found.items():
        result[f"{name}_f1"] = score.f1
    for name in ("note", "frame"):
        result[f"{name}_precision"] = found[name].precision
        result[f"{name}_recall"] = found[name].recall
    return result


def whole_pieces(records: Sequence[Example], rate: int) -> Iterator[_WholePiece]:
    """Whole pieces: records that say how many `chunks` their track has are joined, notes too."""
    singles = ((index, records[index]) for index in range(len(records)))
    for _, group in groupby(singles, lambda pair: _piece_of(*pair)):
        numbers, chunks = zip(*group, strict=True)
        audio, parts, start = [], [], 0
        for number, chunk in enumerate(chunks):
            audio.append(unpadded_audio(chunk))
            parts.append(_moved(chunk["notes"], start / rate, first=number == 0))
            start += len(audio[-1])
        notes = {name: np.concatenate([part[name] for part in parts]) for name in none()}
        name = record_name(chunks[0], numbers[0])
        yield _WholePiece(str(chunks[0]["track"]), name, np.concatenate(audio), notes)


def _piece_of(index: int, record: Example) -> object:
    return str(record["track"]) if "chunks" in record else index


def _moved(notes: Notes, start: float, *, first: bool) -> Notes:
    """A chunk's notes counted from the piece's start; one that a chunk before had is left out."""
    kept = np.full(len(notes["onset"]), True) if first else notes["onset"] >= 0
    moved = {name: np.asarray(value)[kept] for name, value in notes.items()}
    times = {name: moved[name].astype(np.float64) + start for name in ("onset", "offset")}
    return {**moved, **times}


def _table(notes: Notes) -> list[dict]:
    """One row a note, as a spreadsheet or a script wants them."""
    columns = zip(notes["onset"], notes["offset"], notes["pitch"], notes["velocity"])
    rows: list[dict] = [
        {"onset": f"{a:.3f}", "offset": f"{b:.3f}", "pitch": int(p), "velocity": int(v)}
        for a, b, p, v in columns
    ]
    for row, bend in zip(rows, notes.get("bends", ())):
        row["bend_thirds"] = f"[{' '.join(map(str, bend))}]"
    return rows
