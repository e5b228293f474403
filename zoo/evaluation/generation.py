"""Bits per sample of held-out audio under a likelihood model, over whole records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

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
    record_name,
    unpadded_audio,
)
from zoo.metrics.resampling import Scores


@dataclass(frozen=True)
class Likelihood:
    """Sum of nats / ln 2 over counted samples, divided by their number.

    The model reads windows of `samples`, of which the first `context` are only read: every sample
    counted is predicted from at least `context` before it, and windows advance by
    samples - context. lead: what the start of a record is predicted from: 'zeros' puts `context`
    zeros before it and counts every sample, 'exclude' leaves its first `context` samples out.
    `predict` answers {'nats': [B T]}, aligned to the end of the window (a model may skip up to
    `context` samples at its start), or [B], the mean per sample of a window, with context=0: then
    a rest that fills no window is left out and counted.
    keys: further fields of the records that the model is conditioned on. scale: done to each
    window [T C], before zeros fill it, where a paper scales its clips; it moves the bits.
    """

    samples: int
    context: int = 0
    batch: int = 8
    lead: Literal["zeros", "exclude"] = "zeros"
    key: str = "audio"
    keys: tuple[str, ...] = ()
    scale: Callable[[np.ndarray], np.ndarray] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.context < self.samples:
            raise BadInput(f"context {self.context} must be 0 to {self.samples - 1} samples.")

    @property
    def monitor(self) -> Monitor:
        return "bits_per_sample", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        rows: list[dict] = []
        names: list[str] = []
        left_out = 0

        def every() -> Iterator[tuple[tuple[dict, int], HostBatch]]:
            nonlocal left_out
            for index, record in first(records, limit, progress):
                row = {"record": index, "track": str(record["track"]), "samples": 0, "nats": 0.0}
                rows.append(row)
                names.append(record_name(record, index))
                length = len(unpadded_audio(record))
                left_out += min(self.context, length) if self.lead == "exclude" else 0
                for counted, window in self.windows(record, info):
                    yield (row, counted), window

        for (row, counted), output in paired_predictions(predict, every(), self.batch):
            nats, counted, lost = self._counted(np.asarray(output["nats"], np.float64), counted)
            row["nats"] += nats
            row["samples"] += counted
            left_out += lost
        return self._report(rows, names, left_out, info)

    def windows(self, record: Example, info: Info) -> Iterator[tuple[int, HostBatch]]:
        """(how many of its samples count, what `predict` reads) of each window of a record."""
        extra = {key: np.asarray(record[key]) for key in self.keys}
        for window, counted in self.cut(unpadded_audio(record)):
            yield counted, {self.key: window, **extra}

    def cut(self, audio: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
        """Windows [samples C] of a record [T C], each with how many of its samples count.

        What counts follows the context; zeros behind the record's end never count.
        """
        if self.lead == "zeros":
            audio = np.pad(audio, ((self.context, 0), (0, 0)))
        step = self.samples - self.context
        for start in range(0, len(audio) - self.context, step):
            window = audio[start : start + self.samples]
            counted = len(window) - self.context
            window = window if self.scale is None else self.scale(window)
            yield np.pad(window, ((0, self.samples - len(window)), (0, 0))), counted

    def _counted(self, nats: np.ndarray, counted: int) -> tuple[float, int, int]:
        """(sum of nats, samples they stand for, samples left out) of one window."""
        step = self.samples - self.context
        if nats.ndim == 1 and len(nats) >= step:
            return float(nats[len(nats) - step :][:counted].sum()), counted, 0
        if nats.ndim == 0 and not self.context:
            return (float(nats) * step, step, 0) if counted == step else (0.0, 0, counted)
        raise BadInput(
            f"nats {list(nats.shape)} of a window cannot be those of its last {step} samples: "
            f"give [B T] with T >= {step}, or means [B] with context=0."
        )

    def _report(self, rows: list[dict], names: list[str], left_out: int, info: Info) -> Report:
        samples = sum(row["samples"] for row in rows)
        if not samples:
            raise BadInput(f"no record is long enough for windows of {self.samples} samples.")
        for row in rows:
            row["bits_per_sample"] = row["nats"] / np.log(2) / max(row["samples"], 1)
        bits = sum(row["nats"] for row in rows) / np.log(2) / samples
        means = np.array([row["bits_per_sample"] for row in rows if row["samples"]])
        error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
        metrics = {"bits_per_sample": bits, "bits_per_sample_standard_error": error}
        counts = {
            "records": len(rows),
            "samples": samples,
            "left_out_samples": left_out,
        }
        bits_of = np.array([row["bits_per_sample"] for row in rows])
        weights = np.array([row["samples"] for row in rows])
        scores = Scores(np.array(names), {"bits_per_sample": bits_of}, weights=weights)
        return Report(metrics, self._sentence(info), counts, {"per_record": rows}, scores=scores)

    def _sentence(self, info: Info) -> str:
        start = (
            f"preceded by {self.context} zeros, every sample counted"
            if self.lead == "zeros"
            else f"whose first {self.context} samples are context only"
        )
        return (
            f"Sum of negative log-likelihoods / ln 2 / counted samples over whole records at "
            f"{info.sample_rate} Hz, {start}; windows of {self.samples} samples with "
            f"{self.context} of context, no state carried between them"
            f"{', each scaled by ' + self.scale.__name__ if self.scale else ''}."
        )
