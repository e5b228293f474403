"""Predicted quantiles of held-out samples: the continuous ranked probability score, calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import (
    FigureMaker,
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
from zoo.evaluation.generation import Likelihood
from zoo.metrics.resampling import Scores


@dataclass(frozen=True)
class QuantileScore:
    """Twice the mean pinball loss over K quantiles of each sample: `crps`, in amplitude.

    Windows are those of `Likelihood`. `predict` answers {'quantiles': [B T K]}, at the levels
    (k + 1/2) / K. Beside it the floors: `crps_last`, of a prediction that is the sample before, and
    `crps_alone`, of the distribution of all samples without their past. `calibration` is the mean
    distance between a level and the share of samples below its quantile.
    """

    samples: int
    context: int = 0
    batch: int = 1
    key: str = "audio"

    @property
    def monitor(self) -> Monitor:
        return "crps", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        windows = Likelihood(self.samples, self.context, self.batch, key=self.key)
        names: list[str] = []
        sums: list[np.ndarray] = []  # of every record: crps, last, samples
        below: Any = 0.0
        sounds: list[np.ndarray] = []

        def every() -> Iterator[tuple[tuple[int, np.ndarray, int], HostBatch]]:
            for index, record in first(records, limit, progress):
                names.append(record_name(record, index))
                sums.append(np.zeros(3))
                sounds.append(unpadded_audio(record, self.key)[:, 0])
                for window, counted in windows.cut(unpadded_audio(record, self.key)):
                    yield (len(sums) - 1, window[:, 0], counted), {self.key: window}

        for (row, audio, counted), output in paired_predictions(predict, every(), self.batch):
            own = slice(self.context, self.context + counted)
            quantiles, target = output["quantiles"][own], audio[own, None]
            sums[row] += [
                ranked(quantiles, target).sum(),
                np.abs(np.diff(audio, prepend=0.0))[own].sum(),
                counted,
            ]
            below += (target < quantiles).sum(0)
        return self._report(np.array(sums), np.array(names), below, np.concatenate(sounds), info)

    def _report(
        self, sums: np.ndarray, names: np.ndarray, below: Any, audio: np.ndarray, info: Info
    ) -> Report:
        if not sums.size or not sums[:, 2].sum():
            raise BadInput("no sample was counted: give records with sound.")
        crps, last, count = sums.sum(0)
        shares = np.asarray(below) / count
        metrics = {
            "crps": crps / count,
            "crps_last": last / count,
            "crps_alone": marginal_score(audio),
            "calibration": float(np.abs(shares - quantile_midpoints(len(shares))).mean()),
        }
        scores = Scores(names, {"crps": sums[:, 0] / sums[:, 2]}, weights=sums[:, 2])
        figures = {"calibration": _calibration_figure(shares)}
        counts = {"records": len(sums), "samples": int(count)}
        return Report(
            metrics, self._sentence(info, len(shares)), counts, {}, figures, scores=scores
        )

    def _sentence(self, info: Info, asked: int) -> str:
        return (
            f"Continuous ranked probability score, twice the mean pinball loss over {asked} "
            f"quantiles of each sample, in amplitude, over whole records at {info.sample_rate} Hz "
            f"preceded by {self.context} zeros; windows of {self.samples} samples with "
            f"{self.context} of context. `crps_last`: of the sample before as the prediction; "
            "`crps_alone`: of the distribution of all samples. `calibration`: mean distance of a "
            "level from the share of samples below its quantile."
        )


def quantile_midpoints(count: int) -> np.ndarray:
    """The middles of so many equal parts of (0, 1)."""
    return (np.arange(count) + 0.5) / count


def ranked(quantiles: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The score of each prediction: quantiles [N K] at `levels`, target [N 1] -> [N]."""
    error = np.asarray(target, np.float64) - quantiles
    return 2 * np.mean((quantile_midpoints(quantiles.shape[-1]) - (error < 0)) * error, -1)


def marginal_score(audio: np.ndarray) -> float:
    """The score of predicting each of the samples [N] by the distribution of all: E|x - y| / 2."""
    ordered = np.sort(np.asarray(audio, np.float64))
    count = len(ordered)
    return float(np.sum((2 * np.arange(count) - count + 1) * ordered) / count**2)


def _calibration_figure(shares: np.ndarray) -> FigureMaker:
    """Share of samples below the quantile of each level [K], and where it should lie."""

    def make() -> Any:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4, 4), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color="0.7")
        axes.plot(quantile_midpoints(len(shares)), shares, "o-", color="0.2")
        axes.set(xlabel="level", ylabel="share of samples below", xlim=(0, 1), ylim=(0, 1))
        return figure

    return make
