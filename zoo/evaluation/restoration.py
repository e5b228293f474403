"""Clips with noise added or with holes: how near what `predict` makes of them is to the clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import signal

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
from zoo.metrics.resampling import Scores

_SILENCE = 1e-3  # -60 dB: there is nothing to restore below it
ORDER = 40  # of the autoregressive interpolation
CONTEXT = 2048  # samples on either side from which it is fitted


@dataclass(frozen=True)
class Restoration:
    """Means over the middle `samples` of each record, of signal-to-noise ratios in dB.

    noise_db: how far white noise lies below the clip, where there are no holes. hole: seconds of
    each of the `holes` that are cut instead, spread evenly; the ratio is that inside of them.
    `predict` gets {'audio' [B T 1]} and with holes {'known' [B T 1]}, and answers {'audio' [B T 1],
    'looks' [B S T 1]}, its output on the way. looks: the steps at which those are taken.
    """

    samples: int
    noise_db: float = 10.0
    hole: float = 0.0
    holes: int = 4
    looks: tuple[int, ...] = ()
    batch: int = 1

    @property
    def monitor(self) -> Monitor:
        return "snr_db", "max"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        left_out = {"short_or_silent_records": 0}
        rows: list[dict[str, Any]] = []
        curves: list[np.ndarray] = []
        given = self._examples(first(records, limit, progress), info, left_out)
        for (label, clean, degraded), output in paired_predictions(predict, given, self.batch):
            rows.append(self._row(label, clean, degraded, output))
            curves.append(self._curve(clean, degraded, output["looks"]))
        if not rows:
            raise BadInput(f"no record holds {self.samples} samples of sound: give longer ones.")
        names = [name for name in rows[0] if name != "record"]
        metrics = {name: float(np.mean([row[name] for row in rows])) for name in names}
        curve = np.mean(curves, 0)
        steps = self.looks or tuple(range(1, len(curve) + 1))
        table = [
            {"step": step, "db_to_clean": clean, "db_to_given": noisy}
            for step, (clean, noisy) in zip(steps, curve.tolist(), strict=True)
        ]
        scores = Scores(
            np.array([row["record"] for row in rows]),
            {name: np.array([row[name] for row in rows]) for name in names},
        )
        return Report(
            metrics,
            self._sentence(info),
            {"records": len(rows), **left_out},
            {"per_record": rows, "per_step": table},
            {"fits_first": _fits_first(table)},
            scores=scores,
        )

    def _examples(
        self, found: Iterator[tuple[int, Example]], info: Info, left_out: dict[str, int]
    ) -> Iterator[tuple[tuple[str, np.ndarray, HostBatch], HostBatch]]:
        for index, record in found:
            audio = unpadded_audio(record)
            start = (len(audio) - self.samples) // 2
            clean = audio[max(start, 0) :][: self.samples]
            if start < 0 or np.sqrt(np.square(clean).mean()) < _SILENCE:
                left_out["short_or_silent_records"] += 1
                continue
            degraded = self._degraded(clean, index, info.sample_rate)
            yield (f"{record_name(record, index)}#{index}", clean, degraded), degraded

    def _degraded(self, clean: np.ndarray, index: int, rate: int) -> HostBatch:
        if self.hole:
            known = np.ones_like(clean)
            size = max(round(self.hole * rate), 1)
            for middle in (np.arange(self.holes) + 0.5) * len(clean) / self.holes:
                known[int(middle) - size // 2 :][:size] = 0
            return {"audio": clean * known, "known": known}
        noise = np.random.default_rng(index).normal(size=clean.shape)
        level = np.sqrt(np.square(clean).mean()) * 10 ** (-self.noise_db / 20)
        return {"audio": (clean + level * noise).astype(np.float32)}

    def _row(
        self, label: str, clean: np.ndarray, degraded: HostBatch, output: HostBatch
    ) -> dict[str, Any]:
        where = degraded["known"] == 0 if self.hole else np.ones_like(clean, bool)
        ends = [signal_to_noise(clean[where], look[where]) for look in output["looks"]]
        floor = (
            {"floor/autoregressive": interpolated(degraded["audio"][:, 0], where[:, 0])}
            if self.hole
            else {"floor/spectral_gating": spectral_gate(degraded["audio"][:, 0])}
        )
        return {
            "record": label,
            "snr_db": signal_to_noise(clean[where], output["audio"][where]),
            "ceiling/best_step": max(ends),
            "floor/untouched": signal_to_noise(clean[where], degraded["audio"][where]),
            **{
                name: signal_to_noise(clean[where], made[:, None][where])
                for name, made in floor.items()
            },
        }

    def _curve(self, clean: np.ndarray, degraded: HostBatch, looks: np.ndarray) -> np.ndarray:
        """Ratios in dB to the clip and to what was given of it, [S 2]."""
        known = degraded.get("known", np.ones_like(clean))
        where = known == 0 if self.hole else known == 1
        given = known == 1
        return np.array(
            [
                (
                    signal_to_noise(clean[where], one[where]),
                    signal_to_noise(degraded["audio"][given], one[given]),
                )
                for one in looks
            ]
        )

    def _sentence(self, info: Info) -> str:
        what = (
            f"{self.holes} holes of {1000 * self.hole:g} ms; the ratio is that inside of them, "
            f"floor/autoregressive a linear prediction of order {ORDER} from both sides"
            if self.hole
            else f"white noise {self.noise_db:g} dB below the clip; floor/spectral_gating leaves "
            "out what does not rise above the median of its frequency"
        )
        return (
            f"The middle {self.samples} samples of held-out records at {info.sample_rate} Hz with "
            f"{what}. snr_db: signal-to-noise ratio of what is made of it, mean over records; "
            "floor/untouched: of what was given; ceiling/best_step: of the best step, which only "
            "who has the clip can choose."
        )


def signal_to_noise(clean: np.ndarray, made: np.ndarray) -> float:
    """Signal-to-noise ratio in dB of two arrays [...]; identical ones have 120."""
    error = np.square(np.float64(clean) - made).sum()
    power = np.square(np.float64(clean)).sum()
    return float(10 * np.log10((power + 1e-12) / (error + 1e-12 * power + 1e-12)))


def spectral_gate(noisy: np.ndarray, size: int = 1024, over: float = 2.0) -> np.ndarray:
    """Spectral gating, [T] -> [T]: Wiener gains over the median power of each frequency.

    over: times that power is taken off. Half the frames of each frequency are held to be noise,
    whose median power is 0.69 of its mean.
    """
    _, _, spectra = signal.stft(noisy, nperseg=size, noverlap=3 * size // 4)
    power = np.square(np.abs(spectra))
    noise = np.median(power, 1, keepdims=True) / np.log(2)
    gain = np.maximum(1 - over * noise / np.maximum(power, 1e-20), 0.05)
    return signal.istft(spectra * gain, nperseg=size, noverlap=3 * size // 4)[1][: len(noisy)]


def interpolated(audio: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Holes [T] of audio [T] by linear prediction fitted around each, of least squared error.

    Janssen, Veldhuis, Vries 1986, one round.
    """
    made = np.array(audio, np.float64)
    edges = np.flatnonzero(np.diff(np.pad(hole.astype(int), 1)))
    for start, stop in edges.reshape(-1, 2):
        low, high = max(start - CONTEXT, 0), min(stop + CONTEXT, len(audio))
        piece, unknown = made[low:high], np.arange(start - low, stop - low)
        rows = np.lib.stride_tricks.sliding_window_view(piece, ORDER + 1)[:, ::-1]
        touched = (np.arange(len(rows)) + ORDER >= unknown[0]) & (
            np.arange(len(rows)) <= unknown[-1]
        )
        past, now = rows[~touched, 1:], rows[~touched, 0]
        weights = np.linalg.lstsq(past, now, rcond=None)[0]
        error = np.zeros((touched.sum(), len(piece)))
        for row, place in enumerate(np.flatnonzero(touched)):
            error[row, place : place + ORDER + 1] = np.append(1, -weights)[::-1]
        known = np.delete(np.arange(len(piece)), unknown)
        wanted = -error[:, known] @ piece[known]
        made[start:stop] = np.linalg.lstsq(error[:, unknown], wanted, rcond=None)[0]
    return made


def _fits_first(table: list[dict[str, float]]) -> FigureMaker:
    """Ratios to the clip and to what was given of it, over steps."""

    def make() -> Any:
        from matplotlib.figure import Figure as Canvas

        canvas = Canvas(figsize=(6, 4), layout="constrained")
        axes = canvas.subplots()
        steps = [row["step"] for row in table]
        axes.plot(steps, [row["db_to_clean"] for row in table], "o-", label="the clip itself")
        axes.plot(steps, [row["db_to_given"] for row in table], "s--", label="what was given")
        axes.set_xlabel("step")
        axes.set_ylabel("output against it, dB")
        axes.legend()
        axes.grid(alpha=0.3)
        return canvas

    return make
