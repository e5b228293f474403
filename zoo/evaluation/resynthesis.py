"""Resynthesis of held-out audio from its controls: spectral loss, loudness and pitch errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zoo import tuning
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import (
    HostBatch,
    Monitor,
    Predict,
    Progress,
    Report,
    first,
    paired_predictions,
    sounding_frames,
    unpadded_audio,
)
from zoo.objectives.tone_transfer import Tracker

SURE = 0.85  # confidence of the original's pitch from which a frame counts, as the authors' code
_MEASURED = ("spectral_loss", "loudness_l1")  # by the objective
OUTLIER = 12.0  # semitones of mean error, above which a clip is one


@dataclass(frozen=True)
class Resynthesised:
    """Means over consecutive clips of `samples`; a shorter record is left out and counted.

    `predict` answers {'audio', 'spectral_loss', 'loudness_l1'}. keys: fields of the records that
    it needs, and f0 [F 1] of `hop` samples, cut with the audio. tracker: pitch of any audio; with
    it the pitch of each clip is compared with that of the original.
    """

    samples: int
    hop: int = 64
    batch: int = 8
    keys: tuple[str, ...] = ()
    tracker: Tracker | None = None

    @property
    def monitor(self) -> Monitor:
        return "spectral_loss", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        short = 0

        def clips() -> Iterator[tuple[tuple[str, np.ndarray], HostBatch]]:
            nonlocal short
            for _, record in first(records, limit, progress):
                short += len(unpadded_audio(record)) < self.samples
                for clip in self.cut(record):
                    yield (str(record["track"]), clip["audio"]), clip

        rows = []
        for (track, audio), output in paired_predictions(predict, clips(), self.batch):
            row = {"track": track, **{name: float(output[name]) for name in _MEASURED}}
            if self.tracker:
                row["f0_l1"] = self.pitch_error(self.tracker, audio[:, 0], output["audio"][:, 0])
            rows.append(row)
        if not rows:
            raise BadInput(f"no record holds a clip of {self.samples} samples: give longer ones.")
        return self._report(rows, short, info)

    def cut(self, record: Example) -> Iterator[HostBatch]:
        """Consecutive clips of a record with all that the model needs."""
        audio = unpadded_audio(record)
        extra = {key: np.asarray(record[key]) for key in self.keys if key != "f0"}
        frames = self.samples // self.hop
        for start in range(0, len(audio) - self.samples + 1, self.samples):
            clip = {"audio": audio[start : start + self.samples], **extra}
            if "f0" in self.keys:
                first = start // self.hop
                curve = sounding_frames(record, "f0", self.hop)
                clip["f0"] = _filled(curve[first : first + frames], frames)
            yield clip

    def pitch_error(self, tracker: Tracker, original: np.ndarray, played: np.ndarray) -> float:
        """Mean distance in semitones where the original's pitch is sure; NaN where it never is."""
        truth, confidence = tracker(original, self.hop)
        found, _ = tracker(played, self.hop)
        sure = confidence >= SURE
        apart = np.abs(tuning.note_of_hertz(found) - tuning.note_of_hertz(truth))
        return float(apart[sure].mean()) if sure.any() else float("nan")

    def _report(self, rows: list[dict], short: int, info: Info) -> Report:
        metrics = {name: float(np.mean([row[name] for row in rows])) for name in _MEASURED}
        counts = {"clips": len(rows), "too_short": short}
        if self.tracker:
            errors = np.array([row["f0_l1"] for row in rows])
            known = errors[np.isfinite(errors)]
            outlier = known > OUTLIER
            metrics["f0_l1"] = float(known[~outlier].mean()) if (~outlier).any() else np.nan
            metrics["f0_outliers"] = float(outlier.mean()) if len(known) else np.nan
            counts["without_pitch"] = len(errors) - len(known)
        return Report(metrics, self._sentence(info), counts, {"per_clip": rows})

    def _sentence(self, info: Info) -> str:
        text = (
            f"Means over clips of {self.samples} samples at {info.sample_rate} Hz, played from "
            "their own controls: multi-scale spectral loss (2048 to 64, magnitude and log), "
            "A-weighted loudness L1 in dB"
        )
        if not self.tracker:
            return f"{text}."
        return (
            f"{text}; pitch L1 in semitones by CREPE over frames whose original has a confidence "
            f"of {SURE} or more, clips beyond {OUTLIER:.0f} semitones counted as outliers instead."
        )


def _filled(array: np.ndarray, length: int) -> np.ndarray:
    return np.pad(array, [(0, length - len(array))] + [(0, 0)] * (array.ndim - 1))
