"""Pitch of one voice: right within 50 cents on notes of known pitch; curves of a user's files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from zoo import tuning
from zoo.audio import audio_files
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import (
    HostBatch,
    Monitor,
    Predict,
    Progress,
    Report,
    first,
    in_batches,
    record_name,
    unpadded_audio,
    write_figure,
    write_table,
)
from zoo.metrics.pitch import score_melody
from zoo.metrics.resampling import Scores
from zoo.pages.pitch_curve import CONFIDENT, curve_figure, note_name, write_pitch_curve
from zoo.signal import pitch


class _Curve(NamedTuple):
    """Pitch over time: times [F] in s, frequency [F] in Hz, confidence [F] in 0..1."""

    times: np.ndarray
    frequency: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class Pitch:
    """Raw pitch and chroma accuracy of every frame by itself, and with a path through all frames.

    samples: of a window. hop: between windows, 10 ms by default. last: the sample after which
    the note may have ended; windows centred behind it are not counted.
    """

    shows: ClassVar[tuple[str, ...]] = ("filters",)

    samples: int = 1024
    hop: int = 160
    last: int | None = None
    batch: int = 64

    @property
    def monitor(self) -> Monitor:
        return "raw_pitch", "max"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        truth, alone, path, rows, names = [], [], [], [], []
        for index, record in first(records, limit, progress):
            salience = self.salience(predict, unpadded_audio(record)[: self.last, 0])
            hertz = float(tuning.hertz_of_note(record["pitch"]))
            truth.append(np.full(len(salience), hertz))
            alone.append(pitch.local_mean(salience))
            path.append(pitch.local_mean(salience, pitch.viterbi(salience)))
            found = _shares(truth[-1], alone[-1], path[-1])
            rows.append({"track": str(record["track"]), "hertz": hertz, **found})
            names.append(record_name(record, index))
        if not rows:
            raise BadInput("no notes to evaluate: choose another split, or prepare the data anew.")
        reference = np.concatenate(truth)
        metrics = _shares(reference, np.concatenate(alone), np.concatenate(path))
        per_note = {name: np.array([row[name] for row in rows]) for name in metrics}
        scores = Scores(np.array(names), per_note, weights=np.array([len(x) for x in truth]))
        counts = {"notes": len(rows), "frames": sum(map(len, truth))}
        tables = {"per_note": rows}
        return Report(metrics, self._sentence(info), counts, tables, scores=scores)

    def salience(self, predict: Predict, audio: np.ndarray) -> np.ndarray:
        """Of every frame of a signal [T] -> [F K]."""
        windows = pitch.centred_windows(np.asarray(audio, np.float32), self.samples, self.hop)
        cuts: Iterator[HostBatch] = ({"audio": window[:, None]} for window in windows)
        return np.stack([out["prediction"] for out in in_batches(predict, cuts, self.batch)])

    def curve(self, predict: Predict, audio: np.ndarray, info: Info) -> _Curve:
        """The likeliest path through a signal [T] at the model's rate."""
        salience = self.salience(predict, audio)
        chosen = pitch.viterbi(salience)
        hertz = pitch.local_mean(salience, chosen)
        times = np.arange(len(chosen)) * self.hop / info.sample_rate
        return _Curve(times, hertz, salience[np.arange(len(chosen)), chosen])

    def predict_file(
        self,
        predict: Predict,
        path: str | Path,
        folder: str | Path,
        info: Info,
        *,
        figures: bool = True,
    ) -> str:
        """A user's file into folder/{f0.csv, page.html}: time, Hz, confidence; its register.

        figures: f0.png, too.
        """
        audio, _ = audio_files.read_audio(path, info.sample_rate, 1)
        times, hertz, confidence = self.curve(predict, audio[:, 0], info)
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_table(
            folder / "f0.csv",
            [
                {"time": f"{t:.3f}", "frequency": f"{f:.3f}", "confidence": f"{c:.4f}"}
                for t, f, c in zip(times, hertz, confidence)
            ],
        )
        if figures:
            picture = partial(curve_figure, times, hertz, confidence)
            write_figure(picture, folder / "f0.png", dpi=120, bbox_inches="tight")
        write_pitch_curve(
            folder / "page.html", path, self.hop / info.sample_rate, hertz, confidence
        )
        return f"{Path(path).name}: {_summary(hertz, confidence)}; look at {folder / 'page.html'}"

    def _sentence(self, info: Info) -> str:
        until = "" if self.last is None else f" of the first {self.last} samples"
        return (
            f"Share of frames{until} every {self.hop} samples at {info.sample_rate} Hz whose pitch "
            "lies within 50 cents of the note's (raw_pitch), octaves forgiven (raw_chroma); nine "
            "bins averaged around the largest, or around the likeliest path (viterbi)."
        )


def _shares(truth: np.ndarray, alone: np.ndarray, path: np.ndarray) -> dict[str, float]:
    """The four accuracies of pitch curves in Hz [F]: frame by frame, and along a path."""
    one, joined = score_melody(truth, alone), score_melody(truth, path)
    return {
        "raw_pitch": one.raw_pitch,
        "raw_chroma": one.raw_chroma,
        "raw_pitch_viterbi": joined.raw_pitch,
        "raw_chroma_viterbi": joined.raw_chroma,
    }


def _summary(hertz: np.ndarray, confidence: np.ndarray) -> str:
    """One line on a pitch curve, Hz [F] and confidence [F]."""
    voiced = hertz[confidence >= CONFIDENT]
    if not len(voiced):
        return "no pitch found"
    low, middle, high = np.percentile(voiced, (5, 50, 95))
    share = len(voiced) / len(hertz)
    return f"{share:.0%} pitched, {low:.0f} to {high:.0f} Hz, around {note_name(middle)}"
